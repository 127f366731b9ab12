"""From where on a rebuilt instrument must be equal to the live one, when the raw log does not reach back to the beginning.

A book needs what came before: the live one had it, the rebuilt one stands without it until it joins again. Its events are compared from
the first interval snapshot after that on. Trades are told once, by their numbers or by the ids seen last: they are compared from where as
many have been seen as are remembered, or, where they count, from a minute after the first one on: no two connections overlap for so long.
What lies before is not comparable, and said to be.
"""

from __future__ import annotations

from streams.instrument import Instrument
from streams.partition import RawPartition
from streams.synchronizer import Phase

__all__ = ["Warmth"]

_OVERLAP_MS = 60_000


class Warmth:
    """Watches the instruments of a raw partition that is rebuilt from its middle; call :meth:`look` after each batch."""

    def __init__(self, raw: RawPartition) -> None:
        self._raw = raw
        self._joined_in: dict[bytes, int] = {}
        self._books: dict[bytes, int] = {}
        self._trades: dict[bytes, int] = {}
        self._traded_ms: dict[bytes, int] = {}

    def look(self, written_ms: int) -> None:
        """Note what has become equal with a batch whose last record was written then. It is not compared itself."""
        position = self._raw.position
        for key, instrument in self._raw.instruments.items():
            if key not in self._books and self._is_warm(key, instrument):
                self._books[key] = position
            if key not in self._trades and self._trades_are_warm(key, instrument, written_ms):
                self._trades[key] = position

    def _is_warm(self, key: bytes, instrument: Instrument) -> bool:
        book = instrument.book
        if (
            book.synchronizer.phase is not Phase.LIVE
            or book.last_top is None
            or book.crossing.since_micros is not None
        ):
            self._joined_in.pop(key, None)
            return False
        return book.bucket > self._joined_in.setdefault(key, book.bucket)

    def books(self, end: int) -> dict[str, int]:
        """By symbol: the raw offset before which events of its book cannot be compared; ``end`` where all of it cannot."""
        return {one.symbol: self._books.get(key, end) for key, one in self._raw.instruments.items()}

    def _trades_are_warm(self, key: bytes, instrument: Instrument, written_ms: int) -> bool:
        trades, flow = instrument.trades, instrument.trades.flow
        if not trades.count:
            return False
        began_ms = self._traded_ms.setdefault(key, written_ms)
        return trades.count > len(flow.recent) or (
            flow.next_number >= 0 and written_ms - began_ms > _OVERLAP_MS
        )

    def trades(self, end: int) -> dict[str, int]:
        """The same of its trades; never 0, since what is backfilled depends on gaps that may have opened before."""
        return {one.symbol: self._trades.get(key, end) for key, one in self._raw.instruments.items()}
