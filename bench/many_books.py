"""Hundreds of Binance spot books of realistic depth: their images, and changes that go on for ever. Seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from bench.frames import RawFrame
from schemas.catalogue import raw
from schemas.raw_record import RawHeaders

__all__ = ["Books"]

_TOPIC = raw("binance", "spot").name
_START_MS = 1_790_000_000_000
_STEP_MS = 100
_CHANGED = 10
"""Levels a side in a change."""


class Books:
    """``count`` books of ``levels`` a side, each changed once in 100 ms of the exchange's time."""

    def __init__(self, count: int, levels: int) -> None:
        self._chance = random.Random(1)  # noqa: S311  a seeded market, guards nothing
        self._levels = levels
        self._symbols = [f"C{number:03d}" for number in range(count)]
        self._frame = 0
        self._update = 1000

    def images(self) -> Iterator[RawFrame]:
        """The REST answer of each."""
        for symbol in self._symbols:
            sides = [
                [(self._price(side, depth), self._quantity()) for depth in range(self._levels)]
                for side in (-1, 1)
            ]
            answer = {"lastUpdateId": self._update, "bids": sides[0], "asks": sides[1]}
            yield self._record(symbol, "snapshot", answer)

    def changes(self, rounds: int) -> Iterator[RawFrame]:
        """One change of each book, round after round: most near the top, some far away."""
        for _ in range(rounds):
            first, self._update = self._update + 1, self._update + _CHANGED
            for symbol in self._symbols:
                bids, asks = ([self._changed(side) for _ in range(_CHANGED)] for side in (-1, 1))
                time_ms = _START_MS + self._update // _CHANGED * _STEP_MS
                data = {
                    "e": "depthUpdate",
                    "E": time_ms,
                    "s": f"{symbol}USDT",
                    "U": first,
                    "u": self._update,
                    "b": bids,
                    "a": asks,
                }
                yield self._record(
                    symbol, "depth@100ms", {"stream": f"{symbol.lower()}usdt@depth@100ms", "data": data}
                )

    def _changed(self, side: int) -> tuple[str, str]:
        depth = int(self._chance.paretovariate(0.6)) - 1
        return self._price(side, min(depth, self._levels - 1)), self._quantity()

    def _price(self, side: int, depth: int) -> str:
        cents = 6_000_000 + side * (depth + 1)
        return f"{cents // 100}.{cents % 100:02d}000000"

    def _quantity(self) -> str:
        return f"{self._chance.random() * 10 + 0.00001:.8f}"

    def _record(self, symbol: str, channel: str, said: object) -> RawFrame:
        self._frame += 1
        headers = RawHeaders(
            receive_time_ns=(_START_MS + self._update // _CHANGED * _STEP_MS) * 1_000_000,
            kind="snapshot" if channel == "snapshot" else "ws",
            channel="snapshot" if channel == "snapshot" else "depth",
            connection="bench",
            frame=self._frame,
            symbol=f"{symbol}-USDT",
        )
        value = json.dumps(said, separators=(",", ":")).encode()
        return RawFrame(_TOPIC, f"{symbol}USDT".encode(), value, tuple(headers.encode()))
