"""Whether the exchange is read as fast as it sends: a reader that falls behind is noticed before the exchange cuts it.

What has come and was not read yet waits in two places: frames in the websocket's queue, and behind a full queue bytes in the
system's receive buffer of the socket. When that is full too, the exchange cannot send any more, and cuts the connection sooner or
later. So a connection for which much waits without a pause for longer than ``after_s`` is slow: a warning, a
counter, and gauges of how far it is behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

__all__ = ["Reader", "ReaderWatch"]

_log = structlog.get_logger(__name__)

_LOOK_S = 0.2
_FRAMES = 256
"""From here on the websocket's queue fills: its reader does not just take its turns of 64."""
_BYTES = 32 * 1024
"""What a socket may hold at the moment of a look, and did not a moment before and after."""


class Reader(Protocol):
    """A connection, as far as it is watched."""

    name: str

    @property
    def waiting_frames(self) -> int: ...

    @property
    def waiting_bytes(self) -> int: ...


class ReaderWatch:
    """``slow`` counts connections that fell behind, ``behind_s`` is for how long the slowest has been, 0.0 while none is.

    ``held`` says whether it is Kafka that holds the readers up.
    """

    def __init__(
        self,
        readers: Callable[[], Iterable[Reader]],
        after_s: float,
        *,
        held: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slow = 0
        self.behind_s = 0.0
        self.frames = 0
        """Of the fullest queue, at the last look."""
        self.bytes = 0
        """Of the fullest socket."""
        self._readers = readers
        self._after_s = after_s
        self._held = held
        self._clock = clock
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """See how much waits for each reader now."""
        now_s = self._clock()
        waiting = {each.name: (each.waiting_frames, each.waiting_bytes) for each in self._readers()}
        self.frames = max((frames for frames, _ in waiting.values()), default=0)
        self.bytes = max((size for _, size in waiting.values()), default=0)
        behind = {name for name, (frames, size) in waiting.items() if frames >= _FRAMES or size >= _BYTES}
        self._since_s = {name: self._since_s.get(name, now_s) for name in behind}
        self.behind_s = max((now_s - since_s for since_s in self._since_s.values()), default=0.0)
        for name in sorted(self._told - behind):
            _log.info("connection is read in time again", connection=name)
        self._told &= behind
        for name, since_s in self._since_s.items():
            if now_s - since_s >= self._after_s and name not in self._told:
                self._told.add(name)
                self.slow += 1
                frames, size = waiting[name]
                _log.warning(
                    "connection is read slower than the exchange sends",
                    connection=name,
                    behind_s=round(now_s - since_s, 1),
                    frames=frames,
                    bytes=size,
                    reason="Kafka takes no more" if self._held() else "this process is busy",
                )
