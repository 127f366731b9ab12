"""Coroutines that compute for seconds: run by another thread's event loop, so that this one's sockets are read meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["in_own_loop"]

_T = TypeVar("_T")


async def in_own_loop(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """What the coroutine of ``make`` gives, made and run in a thread. It is cancelled with the one who waits for it."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[_T]]] = []

    def run() -> _T:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            task = loop.create_task(make())
            running.append((loop, task))
            return loop.run_until_complete(task)

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        for loop, task in running:
            with suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(task.cancel)
        raise
