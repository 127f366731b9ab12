"""Whether the gateway lives."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.answers import answer

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> Response:
    """200 as long as the process serves."""
    return answer({"live": True})
