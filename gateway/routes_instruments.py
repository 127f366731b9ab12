"""Which exchanges, markets and instruments there are."""

from __future__ import annotations

import heapq
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.answers import Answer, ListAnswer, answer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.forms import decimal_text
from gateway.models import Exchange, Listed
from gateway.paging import Paging
from gateway.routing import API
from schemas.fields import Event

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["instruments"], responses=documented(400))


@router.get("/exchanges", response_model=Answer[list[Exchange]])
async def exchanges(context: InContext) -> Response:
    """The exchanges and their markets, with how many instruments are listed, live and collected."""
    live, now_us = context.live, context.clock()
    markets: dict[tuple[str, str], dict[str, int]] = {}
    for key in live.listings.keys() | live.instruments.keys() | live.subscriptions.keys():
        exchange, market, _ = key.split(".", 2)
        counts = markets.setdefault((exchange, market), {"instruments": 0, "live": 0, "collecting": 0})
        counts["instruments"] += key in live.listings and live.listings[key]["listed"]
        instrument = live.instruments.get(key)
        counts["live"] += instrument is not None and now_us - instrument.heard_us <= context.stale_after_us
        counts["collecting"] += live.is_collected(key, now_us)
    found: dict[str, list[dict[str, Any]]] = {}
    for (exchange, market), counts in sorted(markets.items()):
        found.setdefault(exchange, []).append({"market": market, **counts})
    return answer([{"exchange": name, "markets": markets} for name, markets in found.items()])


@router.get("/instruments", response_model=ListAnswer[Listed])
async def instruments(
    context: InContext,
    choice: Chosen,
    pages: Paging,
    q: Annotated[
        str, Query(max_length=100, description="Only those with this in their names.", examples=["sol"])
    ] = "",
    *,
    seen: Annotated[bool, Query(description="Only those with live data.")] = False,
) -> Response:
    """The instruments that the exchanges list, or that there are live data of, by name."""
    live, wanted = context.live, q.strip().casefold()
    after = pages.place(str)

    def is_wanted(key: str) -> bool:
        return (
            (after is None or key > after)
            and choice.takes(*key.split(".", 2))
            and (not wanted or wanted in _searched(key, live.listings.get(key)))
        )

    known = live.instruments.keys() if seen else live.instruments.keys() | live.listings.keys()
    keys = heapq.nsmallest(pages.limit + 1, filter(is_wanted, known))
    shown = keys[: pages.limit]
    return list_answer(
        [_listed(context, key) for key in shown],
        pages.cursor(shown[-1]) if len(keys) > len(shown) else None,
    )


def _searched(key: str, listing: Event | None) -> str:
    return f"{key} {listing['wire_symbol'] if listing else ''}".casefold()


def _listed(context: Context, key: str) -> dict[str, Any]:
    live = context.live
    exchange, market, symbol = key.split(".", 2)
    listing, instrument = live.listings.get(key), live.instruments.get(key)
    said: dict[str, Any] = {
        "wire_symbol": None,
        "base": None,
        "quote": None,
        "status": None,
        "tick_size": None,
        "lot_size": None,
        "contract_size": None,
    }
    if listing is not None:
        said = {
            "wire_symbol": listing["wire_symbol"],
            "base": listing["base"],
            "quote": listing["quote"],
            "status": listing["status"] if listing["listed"] else "unlisted",
            "tick_size": decimal_text(listing["tick"]),
            "lot_size": decimal_text(listing["lot"]),
            "contract_size": decimal_text(listing["contract_size"]),
        }
    return {
        "instrument": key,
        "exchange": exchange,
        "market": market,
        "symbol": symbol,
        **said,
        "state": instrument.book_state if instrument else None,
        "collecting": live.is_collected(key, context.clock()),
    }
