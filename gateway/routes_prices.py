"""Best prices, tickers and what derivatives markets say, as they are now."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway import views
from gateway.answers import list_answer
from gateway.choosing import Chosen
from gateway.context import InContext

__all__ = ["router"]

router = APIRouter(tags=["live"])


@router.get("/prices")
async def prices(context: InContext, choice: Chosen) -> Response:
    """The best bid and ask of each instrument, with the state of its book and their age."""
    now_us, stale_us = context.clock(), context.stale_after_us
    found = (
        views.price(each, now_us, stale_us)
        for each in context.live.select(choice.exchanges, choice.markets, choice.symbols)
    )
    return list_answer([each for each in found if each is not None])
