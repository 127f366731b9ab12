"""The ledger of one instrument: what its data lack, opened and closed by the records that show it.

A gap is told twice, by an event that opens it and one that closes it. Open gaps are part of the instrument's checkpoint, so
that whoever takes it over closes what another has opened. All of it is bounded: the oldest gap of trades is closed as it is
when there are too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from schemas.gap_events import Cause, GapState, Healing
from streams.emitter import Emitter, Place
from streams.trade_flow import subtract

__all__ = ["Gap", "Gaps", "cause_of"]

_MOST_TRADE_GAPS = 100
_MOST_PIECES = 1000
_MOST_KNOWN = 1000

_CAUSES: dict[str, Cause] = {
    "gap": "sequence",
    "sequence": "sequence",
    "checksum": "checksum",
    "crossed": "crossed",
    "restart": "restart",
    "unreadable": "unreadable",
    "disconnect": "disconnect",
    "successor lost": "disconnect",
    "silent": "silent",
    "connection": "silent",
}


def cause_of(reason: str) -> Cause:
    """The ledger's word for the reason a synchronizer has, or a producer wrote. What only producers can know is theirs."""
    return _CAUSES.get(reason, "producer")


class Gap(msgspec.Struct):
    """An open gap. ``missing``: numbers of trades, as ranges with both ends. ``known``: ids at the edges of a gap that has only
    times. ``resumed``: the stream goes on behind it."""

    gap: str
    stream: str
    cause: Cause
    opened_micros: int
    expected: str | None = None
    seen: str | None = None
    missing: list[tuple[int, int]] = []
    first: int | None = None
    last: int | None = None
    attempts: int = 0
    backfilled: int = 0
    since_micros: int | None = None
    until_micros: int | None = None
    resumed: bool = False
    known: list[str] = []

    def know(self, trade_ids: Iterable[str]) -> None:
        """Trades at the edges of a gap of times: a backfill brings them again."""
        self.known = [*self.known, *trade_ids][-_MOST_KNOWN:]

    @property
    def missed(self) -> int | None:
        """How many numbers are still missing."""
        if self.first is None:
            return None
        return sum(end - begin + 1 for begin, end in self.missing)


class Gaps:
    """What is open, and the events that say so.

    ``book``: the book's, ``trades``: those of trades, oldest first; ``streams``: others by their channel; ``times``: streams
    whose exchange times are out of range.
    """

    def __init__(self) -> None:
        self.book: Gap | None = None
        self.trades: list[Gap] = []
        self.streams: dict[str, Gap] = {}
        self.times: dict[str, Gap] = {}
        self.opened: Counter[str] = Counter()
        """Gaps by cause since this object was made: read by statistics."""

    @property
    def open(self) -> list[Gap]:
        """All of them."""
        book = [] if self.book is None else [self.book]
        return [*book, *self.trades, *self.streams.values(), *self.times.values()]

    def open_gap(self, gap: Gap, exchange_micros: int | None, emitter: Emitter, place: Place) -> Gap:
        """Say that ``gap`` opens; its name is the id of the event that does."""
        gap.gap = emitter.event_id(place)
        emitter.gap(_state(gap, None, "none", complete=False), exchange_micros, place)
        self.opened[gap.cause] += 1
        return gap

    def close_gap(
        self,
        gap: Gap,
        healed: Healing,
        exchange_micros: int | None,
        emitter: Emitter,
        place: Place,
        *,
        complete: bool,
        closed_micros: int | None = None,
    ) -> None:
        """Say that it closes, or was closed at another time already."""
        closed_micros = place[1] if closed_micros is None else closed_micros
        emitter.gap(_state(gap, closed_micros, healed, complete=complete), exchange_micros, place)

    def open_trades(self, gap: Gap, exchange_micros: int | None, emitter: Emitter, place: Place) -> None:
        """One more gap of trades; too many of them, or one in too many pieces, and the oldest is given up."""
        self.trades.append(self.open_gap(gap, exchange_micros, emitter, place))
        self._bound(exchange_micros, emitter, place)

    def keep_trades(self, gap: Gap, exchange_micros: int | None, emitter: Emitter, place: Place) -> None:
        """Keep one that is open already, until a backfill has ended; too many, and the oldest is given up."""
        self.trades.append(gap)
        self._bound(exchange_micros, emitter, place)

    def watch_time(
        self, stream: str, exchange_micros: int | None, emitter: Emitter, place: Place, *, sane: bool
    ) -> None:
        """Times of a stream are out of range, or in it again: said once each."""
        gap = self.times.get(stream)
        if gap is None and not sane:
            gap = Gap("", stream, "time", place[1], str(place[1]), str(exchange_micros))
            self.times[stream] = self.open_gap(gap, exchange_micros, emitter, place)
        elif gap is not None and not sane:
            gap.attempts += 1
        elif gap is not None:
            del self.times[stream]
            self.close_gap(gap, "resumed", exchange_micros, emitter, place, complete=True)

    def give_up(self, gap: Gap, exchange_micros: int | None, emitter: Emitter, place: Place) -> None:
        """A gap of trades that nobody can fill any more."""
        self.trades.remove(gap)
        healed: Healing = "backfill" if gap.backfilled else "late" if gap.attempts else "none"
        self.close_gap(gap, healed, exchange_micros, emitter, place, complete=False)

    def fill(
        self, first: int, last: int, exchange_micros: int | None, emitter: Emitter, place: Place
    ) -> bool:
        """Trades ``first`` to ``last`` came after all: whether any of them was missing. Call it after the trade is written."""
        found = False
        for gap in list(self.trades):
            left = subtract(gap.missing, first, last)
            if left == gap.missing:
                continue
            found = True
            gap.missing = left
            gap.attempts += 1
            gap.backfilled += place[0] == "backfill"
            if not left:
                self.trades.remove(gap)
                healed: Healing = "backfill" if gap.backfilled else "late"
                self.close_gap(gap, healed, exchange_micros, emitter, place, complete=True)
        self._bound(exchange_micros, emitter, place)
        return found

    def lacks(self, first: int, last: int) -> bool:
        """Whether any of these numbers is missing."""
        return any(begin <= last and first <= end for gap in self.trades for begin, end in gap.missing)

    def _bound(self, exchange_micros: int | None, emitter: Emitter, place: Place) -> None:
        while len(self.trades) > _MOST_TRADE_GAPS or self._pieces() > _MOST_PIECES:
            self.give_up(self.trades[0], exchange_micros, emitter, place)

    def _pieces(self) -> int:
        return sum(len(gap.missing) for gap in self.trades)


def _state(gap: Gap, closed_micros: int | None, healed: Healing, *, complete: bool) -> GapState:
    return GapState(
        gap.gap,
        gap.stream,
        gap.cause,
        gap.expected,
        gap.seen,
        gap.first,
        gap.last,
        gap.missed,
        gap.attempts,
        gap.opened_micros,
        closed_micros,
        gap.since_micros,
        gap.until_micros,
        healed,
        complete,
    )
