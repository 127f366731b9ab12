"""An event loop whose time passes only when nothing is left to do: minutes in milliseconds, and always the same."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

__all__ = ["VirtualLoop", "run"]

_T = TypeVar("_T")


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time it should have waited has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Whatever is ready by now."""
        ready = super().select(0)
        if not ready and timeout:
            self.passed_s += timeout
        assert ready or timeout is not None, "everything waits for something that cannot come"
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``start_s`` is its first moment."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._virtual = _Selector()
        self._virtual.passed_s = start_s
        super().__init__(self._virtual)

    def time(self) -> float:
        """The passed time."""
        return self._virtual.passed_s


async def _in_no_thread(function: Callable[..., _T], *arguments: Any) -> _T:
    """A thread would take time of its own."""
    return function(*arguments)


def run(main: Callable[[Callable[[], float]], Coroutine[Any, Any, _T]]) -> _T:
    """Run ``main``, given the clock."""
    loop = VirtualLoop()
    try:
        with patch("asyncio.to_thread", _in_no_thread):
            return loop.run_until_complete(main(loop.time))
    finally:
        loop.close()
