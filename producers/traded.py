"""How much each instrument has been traded lately, by the frames of its trade streams: whose book is missed most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

from producers.stream import Stream

__all__ = ["Traded"]

_HALF_LIFE_S = 300.0
_LOOK_S = 5.0


class Traded:
    """A count for each instrument that halves every five minutes. ``streams`` are the market's, whichever there are by now."""

    def __init__(
        self,
        streams: Callable[[], Sequence[Stream]],
        trade_channels: Collection[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._channels = trade_channels
        self._clock = clock
        self._looked_s = clock()
        self._counts: dict[str, float] = {}
        self._seen: dict[Stream, int] = {}

    def of(self, wire_symbol: str) -> float:
        """Frames of trades, those of five minutes ago counted half; 0.0 where there were none."""
        return self._counts.get(wire_symbol, 0.0)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Count what has come since the last look."""
        now_s = self._clock()
        kept = 0.5 ** ((now_s - self._looked_s) / _HALF_LIFE_S)
        self._looked_s = now_s
        counts: dict[str, float] = {}
        seen: dict[Stream, int] = {}
        for stream in self._streams():
            if stream.route.channel in self._channels:
                wire_symbol = stream.route.wire_symbol
                seen[stream] = stream.frames
                fresh = stream.frames - self._seen.get(stream, 0)
                before = counts.get(wire_symbol, kept * self._counts.get(wire_symbol, 0.0))
                counts[wire_symbol] = before + fresh
        self._counts, self._seen = counts, seen
