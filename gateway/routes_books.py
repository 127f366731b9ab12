"""Order books as they are now, in full depth where the worker writes each of their changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.answers import Answer, answer, documented
from gateway.book_views import book_view
from gateway.context import InContext
from gateway.errors import ApiError
from gateway.models import BookView
from gateway.routing import API

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["books"], responses=documented(400))


@router.get(
    "/orderbook/{exchange}/{market}/{symbol}",
    response_model=Answer[BookView],
    responses=documented(404, 503),
)
async def book(
    context: InContext,
    exchange: str,
    market: str,
    symbol: str,
    depth: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="Levels a side; all without it.")
    ] = None,
) -> Response:
    """The book of an instrument, best levels first.

    `epoch` and `seq` are those of the websocket's channel `book`: this answer and a message with the same two show the same book. One
    whose `state` is not `live` is not to be trusted.
    """
    context.live.require(exchange, market, symbol)
    found = context.books.get(f"{exchange}.{market}.{symbol}")
    if found is None:
        raise ApiError(
            503,
            "not_ready",
            f"No image of the book of {exchange}.{market}.{symbol} has come yet.",
            hint="A gateway that has just started waits for one for half a minute; where no book is collected, none comes.",
        )
    bids, asks = found.book.bids, found.book.asks
    return answer(
        book_view(
            exchange,
            market,
            symbol,
            *(list(zip(*side.levels(depth), strict=True)) for side in (bids, asks)),
            levels=(len(bids), len(asks)),
            source=found.source or "",
            state=found.state,
            update_id=found.update_id,
            epoch=context.books.epoch,
            seq=found.seq,
            received_us=found.received_us,
            now_us=context.clock(),
            stale_after_us=context.stale_after_us,
        )
    )
