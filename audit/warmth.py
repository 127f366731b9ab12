"""From where on a rebuilt instrument must be equal to the live one, when the raw log does not reach back to the beginning.

A book needs what came before: the live one had it, the rebuilt one stands without it until it joins again. Its events are compared from
the first interval snapshot after that on. Trades that may come twice are told once, by the ids seen last: they are compared from
where so many have been seen that none older is remembered. What lies before is not comparable, and said to be.
"""

from __future__ import annotations

from streams.instrument import Instrument
from streams.partition import RawPartition
from streams.synchronizer import Phase

__all__ = ["Warmth"]


class Warmth:
    """Watches the instruments of a raw partition that is rebuilt from its middle; call :meth:`look` after each batch."""

    def __init__(self, raw: RawPartition) -> None:
        self._raw = raw
        self._joined_in: dict[bytes, int] = {}
        self._books: dict[bytes, int] = {}
        self._trades: dict[bytes, int] = {}

    def look(self) -> None:
        """Note what has become equal. The batch that made it so is not compared itself."""
        position = self._raw.position
        for key, instrument in self._raw.instruments.items():
            if key not in self._books and self._is_warm(key, instrument):
                self._books[key] = position
            if key not in self._trades and instrument.trades > len(instrument.recent_trades):
                self._trades[key] = position

    def _is_warm(self, key: bytes, instrument: Instrument) -> bool:
        if (
            instrument.synchronizer.phase is not Phase.LIVE
            or instrument.last_top is None
            or instrument.crossed_since_micros is not None
        ):
            self._joined_in.pop(key, None)
            return False
        return instrument.bucket > self._joined_in.setdefault(key, instrument.bucket)

    def books(self, end: int) -> dict[str, int]:
        """By symbol: the raw offset before which events of its book cannot be compared; ``end`` where all of it cannot."""
        return {one.symbol: self._books.get(key, end) for key, one in self._raw.instruments.items()}

    def trades(self, end: int) -> dict[str, int]:
        """The same of its trades, for instruments whose trades may come twice."""
        return {
            one.symbol: self._trades.get(key, end)
            for key, one in self._raw.instruments.items()
            if one.checks_trades
        }
