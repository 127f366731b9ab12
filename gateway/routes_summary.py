"""The last 24 hours of each instrument."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.answers import ListAnswer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import InContext
from gateway.history_models import SummaryView
from gateway.routing import API

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["live"], responses=documented(400))


@router.get("/summary", response_model=ListAnswer[SummaryView])
async def summary(context: InContext, choice: Chosen) -> Response:
    """Last price, change, range and volume over 24 hours, by instrument. `source` is `ticker` (the exchange's own figures) or `trades` (counted
    here; `covered_s` says how far back the trades go)."""
    chosen = context.live.select(choice.takes)
    return list_answer(await context.summaries.of(chosen, context.clock(), context.stale_after_us))
