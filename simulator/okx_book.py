"""The 400 levels a side that OKX's ``books`` shows, and what changes in them (OKX docs, order book channel).

A level that leaves the window is told with size 0, one that comes into it with its size: clients hold exactly the window.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from simulator.feed import Level
from simulator.okx_contracts import Numerals

__all__ = ["WINDOW", "BookWindow", "checksum"]

WINDOW = 400
_CHECKED = 25


class _Side:
    """All levels of one side by price, and those shown. ``sign`` is -1 where the best price is the highest."""

    def __init__(self, sign: int, levels: Iterable[Level]) -> None:
        self._sign = sign
        self._lots = dict(levels)
        self._keys = sorted(price * sign for price in self._lots)
        self.shown: dict[int, int] = self._window()

    def set(self, price: int, lots: int) -> None:
        """The level has that many lots now; 0: it is gone."""
        if lots:
            if price not in self._lots:
                insort(self._keys, price * self._sign)
            self._lots[price] = lots
        elif self._lots.pop(price, None) is not None:
            del self._keys[bisect_left(self._keys, price * self._sign)]

    def changes(self) -> list[Level]:
        """What has changed in the window since the last call, best first; 0 lots: gone from it."""
        before, self.shown = self.shown, self._window()
        gone = {price: 0 for price in before if price not in self.shown}
        new = {price: lots for price, lots in self.shown.items() if before.get(price) != lots}
        return sorted({**gone, **new}.items(), key=lambda level: level[0] * self._sign)

    def _window(self) -> dict[int, int]:
        return {key * self._sign: self._lots[key * self._sign] for key in self._keys[:WINDOW]}


class BookWindow:
    """Both sides."""

    def __init__(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        self._bids, self._asks = _Side(-1, bids), _Side(1, asks)

    def update(self, bids: Mapping[int, int], asks: Mapping[int, int]) -> tuple[list[Level], list[Level]]:
        """Take changed levels; what a client is told of bids and asks."""
        for side, changed in ((self._bids, bids), (self._asks, asks)):
            for price, lots in changed.items():
                side.set(price, lots)
        return self._bids.changes(), self._asks.changes()

    def levels(self) -> tuple[list[Level], list[Level]]:
        """What is shown, best first."""
        return list(self._bids.shown.items()), list(self._asks.shown.items())


def checksum(bids: list[Level], asks: list[Level], price: Numerals, quantity: Numerals) -> int:
    """CRC32, as a signed number, over the 25 best levels, bid and ask in turn: what frames had until 2026-06-23."""
    parts: list[str] = []
    for place in range(_CHECKED):
        for side in (bids, asks):
            if place < len(side):
                ticks, lots = side[place]
                parts.append(f"{price[ticks]}:{quantity[lots]}")
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value >= 1 << 31 else value
