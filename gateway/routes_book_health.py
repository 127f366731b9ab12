"""How much stands in the books, whether they can be trusted, and their snapshots."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.answers import Answer, ListAnswer, answer, documented, list_answer
from gateway.book_views import book_stats, snapshot_view
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.errors import ApiError
from gateway.forms import moment
from gateway.instrument import Instrument
from gateway.models import BookHealth, BookStats, BookView
from gateway.past_snapshots import last_snapshot
from gateway.presenting import present
from gateway.routing import API
from gateway.views import age
from schemas.catalogue import GAPS

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["books"], responses=documented(400))


@router.get("/orderbook/stats", response_model=ListAnswer[BookStats])
async def stats(context: InContext, choice: Chosen) -> Response:
    """How much stands in each book: of all its levels where the gateway has them, else of the best ones."""
    found = []
    for instrument in context.live.select(choice.takes):
        one = context.books.get(instrument.key)
        if one is not None:
            rate = context.live.update_rates.get(instrument.key, 0.0)
            found.append(book_stats(instrument.key, one.book, updates_per_s=rate))
    return list_answer(found)


@router.get("/orderbook/health", response_model=ListAnswer[BookHealth])
async def health(context: InContext, choice: Chosen) -> Response:
    """Whether each book can be trusted, and what of it is missing."""
    now_us = context.clock()
    return list_answer(
        [
            _health(context, instrument, now_us)
            for instrument in context.live.select(choice.takes)
            if instrument.book_state is not None
        ]
    )


@router.get(
    "/orderbook/{exchange}/{market}/{symbol}/snapshot",
    response_model=Answer[BookView],
    responses=documented(404, 503),
)
async def snapshot(
    context: InContext,
    exchange: str,
    market: str,
    symbol: str,
    *,
    cached: Annotated[bool, Query(description="From memory; false: the newest in ClickHouse.")] = True,
    at: Annotated[
        str | None,
        Query(
            max_length=40,
            description="The last one at or before this time.",
            examples=["2026-01-05T10:00:00Z", "15m"],
        ),
    ] = None,
    depth: Annotated[int | None, Query(ge=1, le=10_000, description="Levels a side; all without it.")] = None,
) -> Response:
    """The best levels as `book_snapshots` has them: the newest, or those of a moment."""
    now_us = context.clock()
    if cached and at is None:
        event = context.live.require(exchange, market, symbol).snapshot
    else:
        until_us = now_us if at is None else moment(at, now_us, field="at")
        event = await last_snapshot(context.archive, exchange, market, symbol, until_us)
    if event is None:
        raise _no_snapshot(context, exchange, market, symbol)
    return answer(snapshot_view(event, now_us, context.stale_after_us, depth))


def _no_snapshot(context: Context, exchange: str, market: str, symbol: str) -> ApiError:
    if f"{exchange}.{market}.{symbol}" not in context.live.instruments:
        return context.live.unknown(exchange, market, symbol)
    return ApiError(
        404, "not_ready", f"There is no snapshot of {exchange}.{market}.{symbol} then.", field="at"
    )


def _health(context: Context, instrument: Instrument, now_us: int) -> dict[str, Any]:
    state, newest, gap = instrument.book_state, instrument.newest_of_book, instrument.last_gap
    heard_us = newest["receive_time"] if newest is not None else instrument.heard_us
    return {
        "instrument": instrument.key,
        "state": state,
        "crossed": _is_crossed(instrument),
        **age(heard_us, now_us, context.stale_after_us, live=state == "live"),
        "open_gaps": len(instrument.open_gaps),
        "last_gap": None if gap is None else present(GAPS, gap),
        "resyncs": instrument.resyncs,
    }


def _is_crossed(instrument: Instrument) -> bool:
    spread = instrument.spreads.get("book")
    if spread is None or spread["bid_price"] is None or spread["ask_price"] is None:
        return False
    crossed: bool = spread["bid_price"] >= spread["ask_price"]
    return crossed
