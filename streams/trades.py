"""The trades of one instrument: each written once, and what is missing written down, asked for, and filled.

Deterministic: what is written depends on the records alone.
"""

from __future__ import annotations

from schemas.gap_events import Cause, Healing
from streams.emitter import Emitter, Place
from streams.gaps import Gap, Gaps
from streams.trade_flow import POLLED, RECENT_TRADES, TradeFlow, subtract
from venues.integers import counted
from venues.messages import BackfillEnd, Trade

__all__ = ["Trades"]

_STREAM = "trades"
_EVER = 1 << 62


class Trades:
    """``tolerance_micros``: how far an exchange's time may be from that of receipt. ``old``: the venue begins a connection with past
    trades, whose times are as old as they are."""

    def __init__(
        self, flow: TradeFlow, gaps: Gaps, emitter: Emitter, *, tolerance_micros: int, old: bool
    ) -> None:
        self.flow = flow
        self.count = 0
        self.repeated = 0
        """Trades passed over because they had come before."""
        self.received_micros: int | None = None
        """When the trade before was received."""
        self._gaps = gaps
        self._emitter = emitter
        self._latest_micros = tolerance_micros
        self._oldest_micros = -_EVER if old else -tolerance_micros

    def take(self, trade: Trade, place: Place) -> None:
        """Write a trade, unless it came before, and what it says of those before it."""
        flow, time_micros = self.flow, trade.exchange_time_micros
        if trade.sequence == flow.next_number and place[0] == "ws" and not flow.polled:
            flow.next_number += 1
            flow.last_micros = time_micros
            recent = flow.recent  # as TradeFlow.remember does it: most trades are these
            recent[trade.trade_id] = time_micros
            if len(recent) > RECENT_TRADES:
                del recent[next(iter(recent))]
            self.count += 1
            self._emitter.trade(trade, place)
        elif not self._unusual(trade, place):
            return
        self.received_micros = place[1]
        if time_micros is not None:
            drift_micros = time_micros - place[1]
            if not self._oldest_micros <= drift_micros <= self._latest_micros or self._gaps.times:
                self._watch_time(trade, drift_micros, place)

    def end(self, end: BackfillEnd, place: Place) -> None:
        """The exchange has been asked for all of a span: what it did not tell stays missing."""
        for gap in list(self._gaps.trades):
            if gap.first is None:
                if end.first_id is None and gap.resumed and _covers_times(end, gap):
                    self._gaps.trades.remove(gap)
                    healed: Healing = "backfill" if gap.backfilled else "none"
                    self._gaps.close_gap(gap, healed, None, self._emitter, place, complete=end.complete)
            elif _covers_numbers(end, gap):
                self._gaps.give_up(gap, None, self._emitter, place)

    def lose(self, cause: Cause, place: Place) -> Gap | None:
        """The producer says that trades may be missing. Where they count, the next one shows whether; elsewhere a gap opens."""
        flow = self.flow
        if flow.next_number >= 0:
            flow.tell(cause)
        if flow.next_number >= 0 or self.received_micros is None:
            return None
        gap = Gap("", _STREAM, cause, self.received_micros, since_micros=flow.last_micros)
        gap.know(flow.recent_since(gap.since_micros))
        return self._gaps.open_gap(gap, None, self._emitter, place)

    def resume(self, gap: Gap, place: Place) -> None:
        """The stream goes on behind a gap that has only times: they are known now, and what is between them can be asked for."""
        flow = self.flow
        gap.resumed = True
        gap.until_micros = flow.last_micros
        gap.know(flow.recent_since(gap.since_micros))
        self._gaps.keep_trades(gap, flow.last_micros, self._emitter, place)

    def _unusual(self, trade: Trade, place: Place) -> bool:
        """All but the next trade of a stream that counts. True where its time is to be looked at."""
        source, flow = place[0], self.flow
        number = flow.number(trade)
        if source == "backfill":
            self._backfilled(trade, number, place)
            return False
        if source == "poll":
            flow.expect_polled()
            if flow.repeated(trade, polled=True):
                self.repeated += 1
            else:
                self._write(trade, POLLED, place)
                if number is None:
                    flow.last_micros = trade.exchange_time_micros
                else:
                    self._fill(trade, number, place)
            return False
        if number is None:
            if flow.repeated(trade, polled=False):
                self.repeated += 1
                return False
            flow.last_micros = trade.exchange_time_micros
            self._write(trade, trade.exchange_time_micros, place)
            return True
        return self._numbered(trade, number, place)

    def _numbered(self, trade: Trade, number: int, place: Place) -> bool:
        flow = self.flow
        first, time_micros = number - trade.count + 1, trade.exchange_time_micros
        if flow.next_number < 0 or flow.other_form(trade):
            hole = None
            self._start(trade, first, number, place)
        elif number < flow.next_number:
            return self._late(trade, first, number, place)
        else:
            hole = self._hole(first, place) if first > flow.next_number else None
            flow.next_number = number + 1
        flow.last_micros = time_micros
        if flow.repeated(trade, polled=False):
            self.repeated += 1
        else:
            self._write(trade, time_micros, place)
        if hole is not None:
            hole.until_micros = time_micros
            self._gaps.open_trades(hole, time_micros, self._emitter, place)
        return True

    def _hole(self, first: int, place: Place) -> Gap | None:
        """Numbers between the trade before and ``first``; None where polling has brought all of them."""
        flow = self.flow
        begin, end = flow.next_number, first - 1
        missing = [(begin, end)]
        for number in flow.seen_between(begin, end):
            missing = subtract(missing, number, number)
        if not missing:
            return None
        return Gap(
            gap="",
            stream=_STREAM,
            cause=flow.cause_of_hole(),
            opened_micros=place[1] if self.received_micros is None else self.received_micros,
            expected=str(begin),
            seen=str(first),
            missing=missing,
            first=missing[0][0],
            last=missing[-1][1],
            since_micros=flow.last_micros,
            resumed=True,
        )

    def _late(self, trade: Trade, first: int, number: int, place: Place) -> bool:
        """A number below the next one: missing until now, seen before, older than all there was, or counting began anew."""
        flow, time_micros = self.flow, trade.exchange_time_micros
        if self._gaps.lacks(first, number):
            self._write(trade, time_micros, place)
            self._fill(trade, number, place)
            return True
        if flow.repeated(trade, polled=False):
            self.repeated += 1
            return False
        newer = time_micros is not None and flow.last_micros is not None and time_micros > flow.last_micros
        if number < flow.first_number and not newer:
            self._write(trade, time_micros, place)
            return True
        if not flow.begins_anew(trade):
            self.repeated += 1
            return False
        self._start(trade, first, number, place)
        flow.last_micros = time_micros
        self._write(trade, time_micros, place)
        return True

    def _start(self, trade: Trade, first: int, number: int, place: Place) -> None:
        """Counting begins, maybe anew: what was missing by the count before cannot be told from what comes now any more."""
        for gap in [gap for gap in self._gaps.trades if gap.first is not None]:
            self._gaps.give_up(gap, trade.exchange_time_micros, self._emitter, place)
        self.flow.start_at(trade, first, number)

    def _backfilled(self, trade: Trade, number: int | None, place: Place) -> None:
        """A backfill brings what is missing, and its neighbours, which are here already or come by themselves."""
        if number is not None:
            if self._gaps.lacks(number - trade.count + 1, number):
                self._write(trade, trade.exchange_time_micros, place)
                self._fill(trade, number, place)
            else:
                self.repeated += 1
            return
        gap = next((gap for gap in self._gaps.trades if _between(gap, trade)), None)
        if gap is None or trade.trade_id in gap.known or trade.trade_id in self.flow.recent:
            self.repeated += 1
            return
        gap.backfilled += 1
        gap.know([trade.trade_id])
        self._write(trade, trade.exchange_time_micros, place)

    def _write(self, trade: Trade, known_micros: int | None, place: Place) -> None:
        self.flow.remember(trade.trade_id, known_micros)
        self.count += 1
        self._emitter.trade(trade, place)

    def _fill(self, trade: Trade, number: int, place: Place) -> None:
        first = number - trade.count + 1
        self._gaps.fill(first, number, trade.exchange_time_micros, self._emitter, place)

    def _watch_time(self, trade: Trade, drift_micros: int, place: Place) -> None:
        sane = self._oldest_micros <= drift_micros <= self._latest_micros
        self._gaps.watch_time(_STREAM, trade.exchange_time_micros, self._emitter, place, sane=sane)


def _between(gap: Gap, trade: Trade) -> bool:
    """Whether a trade lies in a gap that has only times."""
    time_micros = trade.exchange_time_micros
    if gap.first is not None or not gap.resumed or time_micros is None:
        return False
    return (gap.since_micros or 0) <= time_micros <= (_EVER if gap.until_micros is None else gap.until_micros)


def _covers_times(end: BackfillEnd, gap: Gap) -> bool:
    """Whether all between the times of ``gap`` has been asked for."""
    since, until = end.since_micros, end.until_micros
    return (since is None or gap.since_micros is None or since <= gap.since_micros) and (
        until is None or gap.until_micros is None or until >= gap.until_micros
    )


def _covers_numbers(end: BackfillEnd, gap: Gap) -> bool:
    """Whether all its missing numbers have been asked for."""
    first, last = counted(end.first_id or ""), counted(end.last_id or "")
    return (
        first is not None and last is not None and first <= gap.missing[0][0] and gap.missing[-1][1] <= last
    )
