"""The last 24 hours of each instrument."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.answers import documented, list_answer
from gateway.choosing import Chosen
from gateway.context import InContext

__all__ = ["router"]

router = APIRouter(tags=["live"])

_SUMMARY = {
    "instrument": "binance.spot.BTC-USDT",
    "exchange": "binance",
    "market": "spot",
    "symbol": "BTC-USDT",
    "last": "64266.5",
    "change": "-310.4",
    "change_percent": "-0.480665971884932848",
    "high": "65010",
    "low": "63800.1",
    "volume": "18233.01522",
    "quote_volume": "1172801223.0491",
    "trades": 2_013_554,
    "source": "ticker",
    "covered_s": 86_400,
    "spread_bps": "0.015564190222421927",
    "state": "live",
}


@router.get("/summary", responses=documented(example=[_SUMMARY]))
async def summary(context: InContext, choice: Chosen) -> Response:
    """Last price, change, range and volume over 24 hours, by instrument. `source` is `ticker` (the exchange's own figures) or `trades` (counted
    here; `covered_s` says how far back the trades go)."""
    chosen = context.live.select(choice.exchanges, choice.markets, choice.symbols)
    return list_answer(await context.summaries.of(chosen, context.clock(), context.stale_after_us))
