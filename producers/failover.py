"""While a line has no connection, what it brought is polled; when it is back and delivers, polling ends.

A line is one of several of a market, and an instrument's streams may be on more than one: only what the dead line carried is
polled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bookmill.settings import ProducerSettings
from producers.line import Line
from producers.poller import POLLED, Poller, Subject
from producers.stream import Stream
from venues.interface import Channel, Route, StreamOptions, Venue

__all__ = ["Carried", "Carrier", "Failover", "carried", "subjects"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.2
_SETTLED_S = 10.0
"""A connection that stands so long has all its subscriptions, even where nothing was traded meanwhile."""

Carried = Mapping[Route, tuple[str, ...]]
"""What each stream brings, in the words of the settings."""


@dataclass(frozen=True, eq=False)
class Carrier:
    """A line, its streams, and what they bring."""

    line: Line
    streams: Sequence[Stream]
    carried: Carried


def carried(venue: Venue, wire_symbols: Sequence[str], options: StreamOptions) -> Carried:
    """What the streams of a plan bring: by planning each word alone."""
    found: dict[Route, tuple[str, ...]] = {}
    for channel in options.channels:
        alone = StreamOptions(
            (channel,),
            aggregated_trades=options.aggregated_trades,
            kline_intervals=options.kline_intervals,
        )
        for plan in venue.plan(wire_symbols, alone):
            for route in plan.routes:
                found[route] = (*found.get(route, ()), channel)
    return found


def subjects(wire_symbol: str, channels: Sequence[Channel | str], intervals: Sequence[str]) -> set[Subject]:
    """What has to be polled to have these. The best bid and ask are those of the book."""
    wanted = {"book" if channel == "best" else channel for channel in channels}
    return {
        Subject(channel, wire_symbol, interval)
        for channel in wanted.intersection(POLLED)
        for interval in (intervals if channel == "klines" else ("",))
    }


@dataclass
class _Watched:
    """A line with what it brings. ``since_ms``: when the connection was lost, Unix ms; None while nothing of it is polled."""

    carrier: Carrier
    since_ms: int | None = None
    back_s: float | None = None
    back_ns: int = 0


class Failover:
    """Tells the poller what to poll. ``carriers`` gives the lines there are now."""

    def __init__(
        self,
        poller: Poller,
        carriers: Callable[[], Iterable[Carrier]],
        settings: ProducerSettings,
        *,
        intervals: Sequence[str],
        collects: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._poller = poller
        self._carriers = carriers
        self._watched: dict[Carrier, _Watched] = {}
        self._after_s = settings.poll_after_s
        self._intervals = intervals
        self._collects = collects

    async def run(self) -> None:
        """Watch until cancelled."""
        wanted: dict[Subject, int | None] = {}
        while True:
            await asyncio.sleep(_TICK_S)
            now = self.wanted()
            if now.keys() != wanted.keys():
                self._poller.want(now)
            wanted = now

    def wanted(self) -> dict[Subject, int | None]:
        """What is to be polled now, with the time from which on it is missing."""
        found: dict[Subject, int | None] = {}
        self._watched = {each: self._watched.get(each) or _Watched(each) for each in self._carriers()}
        for watched in self._watched.values():
            self._look(watched)
            if watched.since_ms is None:
                continue
            for stream in watched.carrier.streams:
                if not self._collects(stream.route.wire_symbol):
                    continue
                for subject in self._subjects(watched, stream):
                    found[subject] = watched.since_ms
        return found

    def _subjects(self, watched: _Watched, stream: Stream) -> set[Subject]:
        """A stream whose line is back needs nothing, but for trades that may have been missed until it delivers."""
        channels = watched.carrier.carried.get(stream.route, ())
        if watched.back_s is not None:
            if stream.last_ns > watched.back_ns or time.monotonic() - watched.back_s > _SETTLED_S:
                return set()
            channels = tuple(channel for channel in channels if channel == "trades")
        return subjects(stream.route.wire_symbol, channels, self._intervals)

    def _look(self, watched: _Watched) -> None:
        line, down_s = watched.carrier.line, watched.carrier.line.down_s
        if down_s is None:
            if watched.since_ms is None:
                return
            if watched.back_s is None:
                watched.back_s, watched.back_ns = time.monotonic(), line.up_ns
                _log.info("socket is back", line=line.name)
            elif time.monotonic() - watched.back_s > _SETTLED_S:
                watched.since_ms = watched.back_s = None
            return
        watched.back_s = None
        if watched.since_ms is None and self._after_s is not None and down_s >= self._after_s:
            watched.since_ms = time.time_ns() // 1_000_000 - int(down_s * 1000)
            _log.warning("no connection: polling", line=line.name, down_s=round(down_s, 1))
