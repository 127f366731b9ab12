"""What was: rows of the tables, trades and best prices of one instrument, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import msgspec
from fastapi import APIRouter, Path, Query, Response

from bookmill.questions import Selection
from gateway import views
from gateway.answers import ListAnswer, documented, list_answer, listed
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.errors import ApiError
from gateway.event_models import event_model
from gateway.nearest import nearest
from gateway.paging import Pages, Paging
from gateway.recent import TradeKey, key_of, recent_trades
from gateway.routing import API
from gateway.spans import Span, Within
from gateway.tables import TABLES, Order, Place, Table, table
from schemas.catalogue import SPREADS, TRADES

__all__ = ["router", "table_page"]

router = APIRouter(prefix=API, tags=["history"], responses=documented(400, 404, 503))


@router.get("/history/{table}", response_model=ListAnswer[dict[str, Any]])
async def history(
    context: InContext,
    span: Within,
    choice: Chosen,
    pages: Paging,
    name: Annotated[
        str, Path(alias="table", description=f"One of {', '.join(TABLES)}.", examples=["trades"])
    ],
    order: Annotated[Order, Query(description="Newest first (`desc`) or oldest first.")] = "desc",
) -> Response:
    """Rows of a table by the time of receipt (of `instruments` by when the exchange was asked): the fields of its events, as elsewhere."""
    selection = Selection(choice.exchanges, choice.markets, choice.symbols)
    return await table_page(context, table(name), span, selection, pages, order=order)


@router.get("/trades/{exchange}/{market}/{symbol}", response_model=ListAnswer[event_model(TRADES)])  # type: ignore[misc]  # made of its schema
async def trades(
    context: InContext, span: Within, pages: Paging, exchange: str, market: str, symbol: str
) -> Response:
    """Trades of one instrument, newest first: from memory as far as that reaches back, else as they are stored."""
    rows = TABLES["trades"]
    place = rows.require_place(pages.place(Place))
    span = place.span if place else span
    instrument = context.live.instruments.get(f"{exchange}.{market}.{symbol}")
    after = cast("TradeKey", place.key) if place else None
    found = None if instrument is None else recent_trades(instrument, span, pages.limit + 1, after)
    if found is None:
        return await _of_instrument(context, rows, span, (exchange, market, symbol), pages)
    page = found[: pages.limit]
    cursor = pages.cursor(Place(span, key_of(page[-1]))) if len(found) > pages.limit else None
    return list_answer([views.trade(event) for event in page], cursor)


@router.get("/spreads/{exchange}/{market}/{symbol}", response_model=ListAnswer[event_model(SPREADS)])  # type: ignore[misc]  # same
async def spreads(
    context: InContext,
    span: Within,
    pages: Paging,
    exchange: str,
    market: str,
    symbol: str,
    origin: Annotated[
        Literal["book", "ticker"] | None,
        Query(description="Only those of the built book, or only the exchange's own; both where not given."),
    ] = None,
) -> Response:
    """Best bid and ask of one instrument as they changed, newest first."""
    where = {"origin": origin} if origin else {}
    return await _of_instrument(context, TABLES["spreads"], span, (exchange, market, symbol), pages, where)


async def table_page(
    context: Context,
    rows: Table,
    span: Span,
    selection: Selection,
    pages: Pages,
    *,
    order: Order = "desc",
    where: Mapping[str, str] | None = None,
) -> Response:
    """A page of a table."""
    rows.require_columns(selection)
    lines, cursor = await _page(context, rows, span, selection, pages, order, where)
    if not lines:
        await _require_known(context, rows, selection)
    return listed(lines, cursor)


async def _require_known(context: Context, rows: Table, selection: Selection) -> None:
    """Where nothing is found: that it is no wonder, since there is no such exchange or symbol."""
    if selection == Selection() or await context.archive.ask(rows.page(Span(), selection, limit=1)):
        return
    known = [key.split(".", 2) for key in context.live.instruments.keys() | context.live.listings.keys()]
    exchanges, symbols = {each[0] for each in known}, {each[2] for each in known}
    for name in selection.exchanges:
        if name not in exchanges:
            raise ApiError(
                404,
                "unknown_exchange",
                f"Nothing is known of an exchange {name[:40]!r}.",
                hint=nearest(name, exchanges),
                field="exchange",
            )
    for name in selection.symbols:
        if name not in symbols:
            raise ApiError(
                404,
                "unknown_instrument",
                f"Nothing is known of {name[:40]!r}.",
                hint=nearest(name, symbols),
                field="symbol",
            )


async def _of_instrument(
    context: Context,
    rows: Table,
    span: Span,
    instrument: tuple[str, str, str],
    pages: Pages,
    where: Mapping[str, str] | None = None,
) -> Response:
    exchange, market, symbol = instrument
    selection = Selection((exchange,), (market,), (symbol,))
    lines, cursor = await _page(context, rows, span, selection, pages, "desc", where)
    if not lines and ".".join(instrument) not in context.live.instruments:
        anything = rows.page(Span(), selection, limit=1)
        if not await context.archive.ask(anything):
            raise context.live.unknown(*instrument)
    return listed(lines, cursor)


async def _page(
    context: Context,
    rows: Table,
    span: Span,
    selection: Selection,
    pages: Pages,
    order: Order,
    where: Mapping[str, str] | None,
) -> tuple[list[bytes], str | None]:
    place = rows.require_place(pages.place(Place))
    span = place.span if place else span
    asked = rows.page(
        span,
        selection,
        limit=pages.limit + 1,
        order=order,
        after=place.key if place else (),
        where=where,
    )
    lines = (await context.archive.lines(asked.text, asked.parameters)).splitlines()
    if len(lines) <= pages.limit:
        return lines, None
    lines = lines[: pages.limit]
    return lines, pages.cursor(Place(span, rows.key(msgspec.json.decode(lines[-1]))))
