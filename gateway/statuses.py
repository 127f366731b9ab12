"""What the gateway says of itself and of the other parts, at ``/api/v1/status`` and on the websocket's channel of that name."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from gateway.context import Context

__all__ = ["status"]


async def status(context: Context) -> dict[str, Any]:
    """Everything; other parts are asked at most once in two seconds."""
    parts, collectors = await asyncio.gather(context.parts.all(), context.collectors.all())
    return {
        "version": version("bookmill"),
        "uptime_s": context.uptime_s,
        "gateway": context.part.state(),
        "parts": parts,
        "collectors": collectors,
        "counters": context.part.counters(),
    }
