"""The bars of one instrument from whatever there is of them: which are asked for, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from bookmill.archive import Archive
from gateway.bars import Bar, Stored, from_trades, from_venue, stored
from gateway.intervals import INTERVALS, Interval
from gateway.spans import Span

__all__ = ["Source", "candles"]

Source = Literal["auto", "venue", "trades"]


async def candles(
    archive: Archive,
    instrument: tuple[str, str, str],
    interval: Interval,
    span: Span,
    *,
    limit: int,
    source: Source,
    now_us: int,
) -> tuple[Sequence[Bar], int | None, bool]:
    """Up to ``limit`` bars, oldest first; where those begin that come after them; and whether anything is stored of the instrument.

    With a begin the first ones from there on; without one the newest, and none after them. Each comes from the first of these that
    has it: the exchange's bars of that interval, those put together of the longest shorter ones, trades.
    """
    there = await stored(archive, instrument)
    parts = _parts(there, interval) if source != "trades" else ()
    built = there.trades if source != "venue" else None
    known = [*(there.bars[each.name] for each in parts), *([built] if built else [])]
    if not known:
        return (), None, bool(there.bars or there.trades)
    first_us = interval.begin(min(begin for begin, _ in known))
    end_us = interval.next(interval.begin(max(end for _, end in known)))
    since_us, until_us, next_us = _window(interval, span, first_us, end_us, limit)
    bars: dict[int, Bar] = {}
    for each in parts:
        for begin_us, after_us in _missing(interval, bars, since_us, until_us):
            found = await from_venue(
                archive, instrument, interval, each, begin_us, after_us, now_us, there.bars[each.name][1]
            )
            bars |= {
                bar.open_time_us: bar
                for bar in found
                if bar.open_time_us not in bars and interval.begin(bar.open_time_us) == bar.open_time_us
            }
    if built:
        for begin_us, after_us in _missing(interval, bars, since_us, until_us):
            found = await from_trades(archive, instrument, interval, begin_us, after_us, now_us)
            bars = {bar.open_time_us: bar for bar in found} | bars
    return [bars[begin_us] for begin_us in sorted(bars)], next_us, True


def _parts(there: Stored, interval: Interval) -> Sequence[Interval]:
    """The interval itself, then those it can be put together of, the longest first."""
    own = [interval] if interval.name in there.bars else []
    shorter = [each for name, each in INTERVALS.items() if name in there.bars and interval.made_of(each)]
    return [*own, *reversed(shorter)]


def _window(
    interval: Interval, span: Span, first_us: int, end_us: int, limit: int
) -> tuple[int, int, int | None]:
    """Between which moments the bars of this answer begin, and where the next answer goes on."""
    if span.until_us is not None:
        end_us = min(end_us, interval.next(interval.begin(span.until_us - 1)) if span.until_us else 0)
    if span.since_us is None:
        return max(first_us, interval.shifted(end_us, -limit)), end_us, None
    since_us = interval.begin(span.since_us)
    if since_us < span.since_us:
        since_us = interval.next(since_us)
    since_us = max(since_us, first_us)
    until_us = min(end_us, interval.shifted(since_us, limit))
    return since_us, until_us, until_us if until_us < end_us else None


def _missing(
    interval: Interval, bars: dict[int, Bar], since_us: int, until_us: int
) -> Iterator[tuple[int, int]]:
    """From the first bar that is not there to the last, where one is not."""
    begins = []
    at_us = since_us
    while at_us < until_us:
        begins.append(at_us)
        at_us = interval.next(at_us)
    left = [begin_us for begin_us in begins if begin_us not in bars]
    if left:
        yield left[0], interval.next(left[-1])
