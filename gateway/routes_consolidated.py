"""The best bid and ask of a symbol over all exchanges."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from gateway import views
from gateway.answers import Answer, ListAnswer, answer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.errors import ApiError
from gateway.models import Consolidated
from gateway.nearest import nearest
from gateway.routing import API

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["live"], responses=documented(400))


@router.get("/consolidated", response_model=ListAnswer[Consolidated])
async def all_consolidated(context: InContext, choice: Chosen) -> Response:
    """The best bid and ask of each symbol and kind over all live books, with the books behind it."""
    known = context.live.consolidated
    return list_answer(
        _of(context, sorted(key for key in known if not choice.symbols or key[0] in choice.symbols))
    )


@router.get("/consolidated/{symbol}", response_model=Answer[list[Consolidated]], responses=documented(404))
async def one_consolidated(context: InContext, symbol: str) -> Response:
    """The same of one symbol: an item for each kind (spot, perpetual, future, option) that there is."""
    known = context.live.consolidated
    keys = sorted(key for key in known if key[0] == symbol)
    if not keys:
        raise ApiError(
            404,
            "unknown_instrument",
            f"No exchange has a live book of {symbol[:100]!r}.",
            hint=nearest(symbol, {name for name, _ in known}),
            field="symbol",
        )
    return answer(_of(context, keys))


def _of(context: Context, keys: list[tuple[str, str]]) -> list[dict[str, Any]]:
    now_us, live = context.clock(), context.live
    return [views.consolidated(live, live.consolidated[key], now_us, context.stale_after_us) for key in keys]
