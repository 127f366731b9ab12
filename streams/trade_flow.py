"""The trades of one instrument as they follow each other: which are new, which came before, which are missing.

Where the venue counts an instrument's trades, the next one has the next number; what comes in its place shows a hole.
Elsewhere a trade is known by its id alone, among those seen last. No clock and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.gap_events import Cause
from venues.integers import counted
from venues.interface import TradeSequence
from venues.messages import Trade

__all__ = ["POLLED", "RECENT_TRADES", "TradeFlow", "subtract"]

POLLED = -1
"""In place of the time of a trade that was polled: its time is coarser than the socket's."""

RECENT_TRADES = 1000
"""So many trades are known by their ids."""

_REWIND_MICROS = 60_000_000
"""A number seen before is a repetition while its time is of the past minute; older or newer, counting began anew."""


class TradeFlow:
    """``sequence``: how the venue counts."""

    __slots__ = (
        "aggregated",
        "cause",
        "cause_at",
        "first_number",
        "last_micros",
        "next_number",
        "polled",
        "recent",
        "sequence",
    )

    def __init__(self, sequence: TradeSequence) -> None:
        self.sequence = sequence
        self.next_number = -1
        """What the next trade's number has to be; negative where nothing counts, and before the first."""
        self.first_number = -1
        """Where counting began: what is lower is history, not a repetition."""
        self.last_micros: int | None = None
        """Exchange time of the trade before."""
        self.aggregated = False
        """Whether trades of the stream stand for several fills: the two forms count apart from each other."""
        self.recent: dict[str, int | None] = {}
        """Ids of the trades seen last, oldest first, with their times (µs; :data:`POLLED`)."""
        self.polled = 0
        """For so many trades more one of the recent ones may have been polled: the next one may be among them, whatever its number."""
        self.cause: Cause = "sequence"
        self.cause_at = -1
        """Why numbers from this one on may be missing, as the producer told."""

    def number(self, trade: Trade) -> int | None:
        """A trade's number; that of a trade that did not come over the socket is its id, where ids count."""
        if trade.sequence is not None or self.sequence not in ("ids", "folded"):
            return trade.sequence
        return counted(trade.trade_id)

    def tell(self, cause: Cause) -> None:
        """Trades may be missing from here on; only the next one shows it."""
        self.cause, self.cause_at = cause, self.next_number

    def cause_of_hole(self) -> Cause:
        """Why the trades before the one that comes now are missing."""
        return self.cause if self.cause_at == self.next_number else "sequence"

    def remember(self, trade_id: str, time_micros: int | None) -> None:
        """One more that has been seen."""
        recent = self.recent
        recent[trade_id] = time_micros
        if len(recent) > RECENT_TRADES:
            del recent[next(iter(recent))]
        if self.polled:
            self.polled -= 1

    def expect_polled(self) -> None:
        """A trade is polled: the socket may bring it, too."""
        self.polled = RECENT_TRADES

    def recent_since(self, micros: int | None) -> list[str]:
        """Ids of the recent trades that are not older than this, or whose time is not known."""
        return [
            trade_id
            for trade_id, time_micros in self.recent.items()
            if micros is None or time_micros is None or time_micros == POLLED or time_micros >= micros
        ]

    def repeated(self, trade: Trade, *, polled: bool) -> bool:
        """Whether the very same trade was among the last ones. An id may come again at another time: counting began anew."""
        recent = self.recent
        if trade.trade_id not in recent:
            return False
        before = recent[trade.trade_id]
        if polled or before in (POLLED, trade.exchange_time_micros):
            return True
        del recent[trade.trade_id]
        return False

    def begins_anew(self, trade: Trade) -> bool:
        """Whether a number that came before, with this time, says that the exchange (or a replay) counts from the start again."""
        now, then = trade.exchange_time_micros, self.last_micros
        return now is not None and then is not None and (now > then or now < then - _REWIND_MICROS)

    def other_form(self, trade: Trade) -> bool:
        """Whether the stream's trades were folded before and are not any more, or the other way round."""
        return trade.count == 1 and trade.aggregated != self.aggregated

    def start_at(self, trade: Trade, first: int, number: int) -> None:
        """Counting begins with this trade."""
        self.first_number, self.next_number = first, number + 1
        self.aggregated = trade.aggregated and trade.count == 1

    def seen_between(self, first: int, last: int) -> Iterator[int]:
        """Those of the missing numbers whose trades came otherwise (polled), ascending."""
        if self.sequence not in ("ids", "folded"):
            return iter(())
        known = (counted(trade_id) for trade_id in self.recent)
        return iter(sorted(number for number in known if number is not None and first <= number <= last))


def subtract(ranges: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """``ranges`` (ascending, both ends included) without ``first`` to ``last``."""
    left = []
    for begin, end in ranges:
        if end < first or begin > last:
            left.append((begin, end))
            continue
        if begin < first:
            left.append((begin, first - 1))
        if end > last:
            left.append((last + 1, end))
    return left
