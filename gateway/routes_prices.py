"""Best prices, tickers, what derivatives markets say, and the last trades: as they are now, from memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from gateway import views
from gateway.answers import ListAnswer, documented, list_answer
from gateway.choosing import Choice, Chosen
from gateway.context import Context, InContext
from gateway.event_models import aged_model, event_model
from gateway.instrument import Instrument
from gateway.models import Price
from gateway.routing import API
from schemas.catalogue import DERIVATIVES, SPREADS, TICKERS, TRADES

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["live"], responses=documented(400))

_View = Callable[[Instrument, int, int], dict[str, Any] | None]


@router.get("/prices", response_model=ListAnswer[Price])
async def prices(context: InContext, choice: Chosen) -> Response:
    """The best bid and ask of each instrument: of the built book where that is live, else the exchange's own."""
    return _all(context, choice, views.price)


@router.get("/tickers", response_model=ListAnswer[aged_model(TICKERS)])  # type: ignore[misc]  # made of its schema
async def tickers(context: InContext, choice: Chosen) -> Response:
    """The newest word of each exchange on the last 24 hours of each instrument."""
    return _all(context, choice, views.ticker)


@router.get("/derivatives", response_model=ListAnswer[aged_model(DERIVATIVES)])  # type: ignore[misc]  # same
async def derivatives(context: InContext, choice: Chosen) -> Response:
    """Mark and index price, funding and open interest, each as it was said last."""
    return _all(context, choice, views.derivative)


@router.get("/spreads", response_model=ListAnswer[aged_model(SPREADS)])  # type: ignore[misc]  # same
async def spreads(
    context: InContext,
    choice: Chosen,
    origin: Annotated[
        Literal["book", "ticker"] | None,
        Query(
            description="`book`: of the built book; `ticker`: the exchange's own best bid and ask; the newer one without it."
        ),
    ] = None,
) -> Response:
    """The last event of `spreads` of each instrument."""

    def newest(instrument: Instrument, now_us: int, stale_after_us: int) -> dict[str, Any] | None:
        found = [event for name, event in instrument.spreads.items() if origin is None or name == origin]
        if not found:
            return None
        event = max(found, key=lambda each: each["receive_time"])
        return views.spread(event, now_us, stale_after_us)

    return _all(context, choice, newest)


@router.get("/trades", response_model=ListAnswer[event_model(TRADES)])  # type: ignore[misc]  # same
async def trades(
    context: InContext, choice: Chosen, limit: Annotated[int, Query(ge=1, le=10_000)] = 100
) -> Response:
    """The newest trades over all instruments that are chosen, newest first, as far as they are kept in memory."""
    return list_answer(
        [views.trade(each) for each in islice(context.live.newest_trades(choice.takes), limit)]
    )


def _all(context: Context, choice: Choice, view: _View) -> Response:
    now_us, stale_us = context.clock(), context.stale_after_us
    found = (view(each, now_us, stale_us) for each in context.live.select(choice.takes))
    return list_answer([each for each in found if each is not None])
