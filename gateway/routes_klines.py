"""Bars (candles) of an instrument."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import StringConstraints

from gateway.answers import ListAnswer, documented, list_answer
from gateway.candles import Source, candles
from gateway.choosing import Choice
from gateway.context import Context, InContext
from gateway.errors import ApiError
from gateway.history_models import CandleView
from gateway.intervals import INTERVALS, IntervalName
from gateway.nearest import nearest
from gateway.paging import Paging
from gateway.routing import API
from gateway.spans import Moment, Span, Within

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["history"], responses=documented(400, 404, 503))

_Name = Annotated[str, StringConstraints(max_length=100)]


class _Place(msgspec.Struct, frozen=True, array_like=True):
    since_us: Moment
    until_us: Moment | None


@router.get("/klines/{symbol}", response_model=ListAnswer[CandleView])
async def klines(
    context: InContext,
    span: Within,
    pages: Paging,
    symbol: str,
    exchange: Annotated[
        _Name, Query(description="Needed where several have the symbol.", examples=["binance"])
    ] = "",
    market: Annotated[
        _Name, Query(description="Needed where several have the symbol.", examples=["spot"])
    ] = "",
    interval: Annotated[IntervalName, Query(description="How long each bar is.")] = "1m",
    source: Annotated[
        Source,
        Query(
            description="`venue`: the exchange's bars (put together of its shorter ones where it has none of the interval);"
            " `trades`: built from trades; `auto`: the exchange's where they are there, else built."
        ),
    ] = "auto",
) -> Response:
    """Bars of one instrument, oldest first: from `since` on, or the newest. Those without a trade may be missing, as exchanges leave
    them out."""
    instrument = await _instrument(context, exchange, market, symbol)
    place = pages.place(_Place)
    bars, next_us, known = await candles(
        context.archive,
        instrument,
        INTERVALS[interval],
        Span(place.since_us, place.until_us) if place else span,
        limit=pages.limit,
        source=source,
        now_us=context.clock(),
    )
    if not known and ".".join(instrument) not in context.live.instruments:
        raise context.live.unknown(*instrument)
    until_us = place.until_us if place else span.until_us
    return list_answer(bars, None if next_us is None else pages.cursor(_Place(next_us, until_us)))


async def _instrument(context: Context, exchange: str, market: str, symbol: str) -> tuple[str, str, str]:
    """The one that is meant: by its full name, or because no other has the symbol."""
    if exchange and market:
        return exchange, market, symbol
    chosen = Choice((exchange,) if exchange else (), (market,) if market else (), (symbol,))
    found = {(each.exchange, each.market) for each in context.live.select(chosen.takes)}
    if not found:
        rows = await context.archive.rows(
            " UNION DISTINCT ".join(
                f"SELECT DISTINCT exchange, market FROM {table} WHERE symbol = {{symbol:String}}"  # noqa: S608  names of our own
                for table in ("klines", "trades")
            ),
            {"symbol": symbol},
        )
        found = {
            (row["exchange"], row["market"])
            for row in rows
            if exchange in ("", row["exchange"]) and market in ("", row["market"])
        }
    if len(found) > 1:
        names = ", ".join(".".join(each) for each in sorted(found))
        raise ApiError(
            400,
            "bad_request",
            f"Several have {symbol[:40]}: {names}.",
            hint="Say which by 'exchange' and 'market'.",
            field="market" if exchange else "exchange",
        )
    if not found:
        known = sorted({each.symbol for each in context.live.instruments.values()})
        raise ApiError(
            404,
            "unknown_instrument",
            f"Nothing is known of {symbol[:40]}.",
            hint=nearest(symbol, known),
            field="symbol",
        )
    [(only_exchange, only_market)] = found
    return only_exchange, only_market, symbol
