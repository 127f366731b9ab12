"""The lines of a market while what is collected changes: instruments come and go, and others never notice.

Instruments that are added together, with the same channels, are a cohort: it has lines of its own, as the venue plans them. When
one of them goes, or is wanted with other channels, successors take over from the lines of its cohort, stream by stream and make-before-break
(:mod:`producers.hand_over`); when the last one goes they are closed. Small cohorts become one when there are many, so the
number of connections stays bounded. Changes are gathered for a moment: a hundred of them at once are one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Protocol

import structlog

from producers.failover import Carried, Carrier, carried
from producers.line import Line
from producers.line_connections import LineCounts, LineState
from producers.stream import Stream
from venues.interface import ConnectionPlan, Route, StreamOptions, Venue

__all__ = ["Cohorts", "LineMaker"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.1
_GATHER_S = 0.3
"""Instruments that come within so short a time come together."""
_LONGEST_GATHER_S = 2.0
_SETTLE_S = 2.0
"""Lines are replaced when nothing has changed for so long,"""
_LONGEST_SETTLE_S = 10.0
"""or something has for so long."""
_MOST = 4
"""Cohorts with the same channels; with more, all but the largest become one."""


class LineMaker(Protocol):
    """Who knows what lines and streams of the market need beside their plan."""

    def line(self, number: int, plan: ConnectionPlan, streams: Sequence[Stream], *, succeeds: bool) -> Line:
        """A line, not yet running."""

    def stream(self, route: Route) -> Stream:
        """A stream that nobody brings yet."""


@dataclass(eq=False)
class _Cohort:
    """``replaced`` are the cohorts whose streams its lines take over; ``stale``: its lines bring what nobody wants any more."""

    wire_symbols: tuple[str, ...]
    options: StreamOptions
    lines: list[Line]
    carriers: list[Carrier]
    replaced: list[_Cohort] = field(default_factory=list)
    stale: bool = False

    @property
    def arrived(self) -> bool:
        return all(line.arrived for line in self.lines)

    @property
    def streams(self) -> Iterable[Stream]:
        return (stream for carrier in self.carriers for stream in carrier.streams)


class Cohorts:
    """``lines`` and ``streams`` are those of the market now; ``past`` are the counts of those that are gone, ``replacements`` how
    often cohorts were replaced by others.
    """

    def __init__(
        self, venue: Venue, maker: LineMaker, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.lines: list[Line] = []
        self.streams: list[Stream] = []
        self.past: Counter[str] = Counter()
        self.replacements = 0
        self._venue = venue
        self._maker = maker
        self._clock = clock
        self._wanted: dict[str, StreamOptions] = {}
        self._cohorts: list[_Cohort] = []
        self._retired: list[_Cohort] = []
        self._running: dict[Line, asyncio.Task[None]] = {}
        self._made = 0
        self._first_s = self._last_s = 0.0
        """When the first and the last change was made that is not worked in yet; 0: there is none."""

    def want(self, wire_symbol: str, options: StreamOptions) -> None:
        """Collect this from now on."""
        if self._wanted.get(wire_symbol) != options:
            self._wanted[wire_symbol] = options
            self._note_change()

    def drop(self, wire_symbol: str) -> None:
        """Collect it no longer: nothing more of it is written."""
        if self._wanted.pop(wire_symbol, None) is None:
            return
        for cohort in (*self._cohorts, *self._retired):
            if wire_symbol in cohort.wire_symbols:
                cohort.wire_symbols = tuple(each for each in cohort.wire_symbols if each != wire_symbol)
                cohort.stale = True
            for stream in cohort.streams:
                if stream.route.wire_symbol == wire_symbol:
                    stream.mute()
        self._note_change()

    def delivers(self, wire_symbol: str) -> bool:
        """Whether all streams of an instrument come, with the channels that are wanted."""
        return any(
            wire_symbol in cohort.wire_symbols
            and cohort.options == self._wanted.get(wire_symbol)
            and all(line.delivers(wire_symbol) for line in cohort.lines)
            for cohort in self._cohorts
        )

    @property
    def carriers(self) -> Iterable[Carrier]:
        """The lines with what each brings."""
        return (carrier for cohort in self._cohorts for carrier in cohort.carriers)

    async def run(self) -> None:
        """Keep the lines until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._work(group)
                    await asyncio.sleep(_TICK_S)
        finally:
            self._running.clear()

    def open_all(self) -> None:
        """Plan what is wanted and has no lines yet: at once, before :meth:`run`, where all is known from the beginning."""
        self._add_new()
        self._first_s = self._last_s = 0.0

    def _work(self, group: asyncio.TaskGroup) -> None:
        self._close_replaced()
        now_s = self._clock()
        if self._first_s and (
            now_s - self._last_s >= _GATHER_S or now_s - self._first_s >= _LONGEST_GATHER_S
        ):
            self._add_new()
        if self._first_s and (
            now_s - self._last_s >= _SETTLE_S or now_s - self._first_s >= _LONGEST_SETTLE_S
        ):
            self._first_s = self._last_s = 0.0
            if not self._settle():
                self._note_change()  # some are just being replaced: later
        for line in self.lines:
            if line not in self._running:
                self._running[line] = group.create_task(line.run(), name=f"line {line.name}")

    def _note_change(self) -> None:
        self._last_s = self._clock()
        self._first_s = self._first_s or self._last_s

    def _add_new(self) -> None:
        there = {symbol for cohort in self._cohorts for symbol in cohort.wire_symbols}
        new = [symbol for symbol in self._wanted if symbol not in there]
        for options, symbols in self._by_options(new).items():
            self._cohorts.append(self._cohort(symbols, options, ()))

    def _settle(self) -> bool:
        """Replace what is not as it is wanted; False where something has to wait."""
        done = True
        for cohort in list(self._cohorts):
            if not cohort.stale and all(
                self._wanted.get(symbol) == cohort.options for symbol in cohort.wire_symbols
            ):
                continue
            done &= self._replace([cohort])
        for cohorts in self._too_many():
            done &= self._replace(cohorts)
        return done

    def _too_many(self) -> Iterable[list[_Cohort]]:
        """Cohorts that should be one."""
        same: dict[StreamOptions, list[_Cohort]] = {}
        for cohort in self._cohorts:
            same.setdefault(cohort.options, []).append(cohort)
        for cohorts in same.values():
            if len(cohorts) > _MOST:
                yield sorted(cohorts, key=lambda each: len(each.wire_symbols))[:-1]

    def _replace(self, old: list[_Cohort]) -> bool:
        """Let successors take over what is still wanted of these; False where they are in the middle of something."""
        wanted = [symbol for cohort in old for symbol in cohort.wire_symbols if symbol in self._wanted]
        if wanted and any(line.handing_over or not line.arrived for cohort in old for line in cohort.lines):
            return False
        self.replacements += 1
        streams = [stream for cohort in old for stream in cohort.streams]
        for cohort in old:
            self._retire(cohort)
        new = [
            self._cohort(symbols, options, streams) for options, symbols in self._by_options(wanted).items()
        ]
        self._cohorts += new
        for cohort in new:
            cohort.replaced = list(old)  # they are closed when all of these have arrived
        if not new:
            for cohort in old:
                self._close(cohort)
        _log.info("lines are replaced", market=self._venue.market, instruments=len(wanted), cohorts=len(old))
        return True

    def _retire(self, cohort: _Cohort) -> None:
        self._cohorts.remove(cohort)
        self._retired.append(cohort)
        for line in cohort.lines:
            self.lines.remove(line)
            connected = line.state is LineState.CONNECTED
            line.retire()
            if not connected:
                self._end(line)
        for stream in cohort.streams:
            self.streams.remove(stream)

    def _close_replaced(self) -> None:
        for cohort in list(self._retired):
            successors = [each for each in self._cohorts if cohort in each.replaced]
            if all(each.arrived for each in successors):
                for each in successors:
                    each.replaced.remove(cohort)
                self._close(cohort)

    def _close(self, cohort: _Cohort) -> None:
        self._retired.remove(cohort)
        now = set(self.streams)
        for line in cohort.lines:
            self._end(line)
            self.past.update({each.name: getattr(line.counts, each.name) for each in fields(LineCounts)})
        for stream in cohort.streams:
            if stream not in now:
                self.past.update(
                    frames=stream.frames, bytes=stream.bytes, repeated=stream.repeated, told=stream.told
                )

    def _end(self, line: Line) -> None:
        with suppress(KeyError):
            self._running.pop(line).cancel()

    def _by_options(self, wire_symbols: Iterable[str]) -> dict[StreamOptions, list[str]]:
        found: dict[StreamOptions, list[str]] = {}
        for symbol in wire_symbols:
            found.setdefault(self._wanted[symbol], []).append(symbol)
        return found

    def _cohort(
        self, wire_symbols: Collection[str], options: StreamOptions, before: Iterable[Stream]
    ) -> _Cohort:
        """Lines for these; ``before`` are streams of lines that go, some of which are theirs."""
        known = {stream.route: stream for stream in before}
        brings: Carried = carried(self._venue, list(wire_symbols), options)
        lines, carriers = [], []
        for plan in self._venue.plan(list(wire_symbols), options):
            streams = [known.get(route) or self._maker.stream(route) for route in plan.routes]
            line = self._maker.line(self._made, plan, streams, succeeds=bool(known))
            self._made += 1
            lines.append(line)
            carriers.append(Carrier(line, streams, brings))
            self.streams += streams
        self.lines += lines
        return _Cohort(tuple(wire_symbols), options, lines, carriers)
