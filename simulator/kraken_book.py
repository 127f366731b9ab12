"""Kraken's books: windows of so many levels whose far edge moves unspoken, and the checksum over the best of them.

A client that asked for ten levels is told of changes within ten levels. What a better level pushes out is not told; when a level
within goes, the one that takes the last place is told anew.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence

from simulator.feed import Level
from simulator.kraken_text import Numerals

__all__ = ["DEPTHS", "BookSide", "Shown", "checksum", "told"]

DEPTHS = (10, 25, 100, 500, 1000)
_SUMMED = 10


class BookSide:
    """One side by rank: ``sign`` 1 for bids, -1 for asks; ranks grow towards the best price."""

    def __init__(self, sign: int, levels: Iterable[Level] = ()) -> None:
        self.sign = sign
        self.lots: dict[int, int] = dict(levels)
        self._ranks = sorted(price * sign for price in self.lots)

    def set(self, price: int, lots: int) -> None:
        """A level's new quantity; 0 takes it away."""
        rank = price * self.sign
        if not lots:
            if self.lots.pop(price, 0):
                del self._ranks[bisect_left(self._ranks, rank)]
            return
        if price not in self.lots:
            insort(self._ranks, rank)
        self.lots[price] = lots

    def top(self, depth: int) -> list[Level]:
        """The best levels, best first."""
        prices = [rank * self.sign for rank in self._ranks[: -depth - 1 : -1]]
        return [(price, self.lots[price]) for price in prices]

    def edge(self, depth: int) -> int | None:
        """Rank of the last level in a window of ``depth``; None while all fit and there is room for more."""
        return self._ranks[-depth] if len(self._ranks) >= depth else None

    def ranked(self, low: int | None, high: int) -> list[Level]:
        """Levels of a rank from ``low`` (None: from the worst) to below ``high``, best first."""
        start = 0 if low is None else bisect_left(self._ranks, low)
        ranks = self._ranks[start : bisect_left(self._ranks, high)]
        return [(rank * self.sign, self.lots[rank * self.sign]) for rank in reversed(ranks)]


class Shown:
    """What the exchange shows of one side: the order flow's levels, or a few of them, or more of them far off.

    ``most`` bounds them, ``far`` are the additional ones. ``side`` is what is shown, as last published.
    """

    def __init__(self, side: BookSide) -> None:
        self.side = side
        self.most: int | None = None
        self.far: dict[int, int] = {}
        self._flow = side

    def change(self, changes: Mapping[int, int], depths: Sequence[int]) -> dict[int, list[Level]]:
        """Let ``changes`` happen to the order flow's levels; what clients of each depth are told."""
        side, special = self.side, self.most is not None or self.far
        if side is self._flow:
            if not special:
                return told(side, changes, depths)
            side = self.side = BookSide(side.sign, side.lots.items())
        for price, lots in changes.items():
            self._flow.set(price, lots)
        target = self.far | self._flow.lots if self.most is None else dict(self._flow.top(self.most))
        difference = {price: lots for price, lots in target.items() if side.lots.get(price) != lots}
        found = told(side, difference | dict.fromkeys(side.lots.keys() - target.keys(), 0), depths)
        if not special:
            self.side = self._flow
        return found


def told(side: BookSide, changes: Mapping[int, int], depths: Sequence[int]) -> dict[int, list[Level]]:
    """Apply ``changes`` (quantity by price, 0 takes away) and say what clients of each depth are told of them."""
    known = {price for price in changes if price in side.lots}
    before = {depth: side.edge(depth) for depth in depths}
    for price, lots in changes.items():
        side.set(price, lots)
    ordered = sorted(changes.items(), key=lambda level: -level[0] * side.sign)
    return {depth: _told(side, ordered, known, before[depth], depth) for depth in depths}


def _told(
    side: BookSide, changes: Sequence[Level], known: set[int], before: int | None, depth: int
) -> list[Level]:
    after = side.edge(depth)
    found: list[Level] = []
    for price, lots in changes:
        edge = after if lots else before
        if (edge is None or price * side.sign >= edge) and (lots or price in known):
            found.append((price, lots))
    if before is not None and (after is None or after < before):
        changed = {price for price, _ in changes}
        found += [level for level in side.ranked(after, before) if level[0] not in changed]
    return found


def checksum(bids: BookSide, asks: BookSide, price: Numerals, quantity: Numerals) -> int:
    """CRC-32 over the texts of the ten best asks, then bids, without points and without zeros in front."""
    texts = [
        numerals.text(value).replace(".", "").lstrip("0")
        for side in (asks, bids)
        for level in side.top(_SUMMED)
        for numerals, value in zip((price, quantity), level)
    ]
    return zlib.crc32("".join(texts).encode())
