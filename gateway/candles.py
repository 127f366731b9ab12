"""The bars of one instrument from whatever there is of them: which are asked for, and where each comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from bookmill.archive import Archive
from gateway.bars import Bar, Stored, from_trades, from_venue, stored
from gateway.intervals import INTERVALS, Interval
from gateway.spans import Span

__all__ = ["Source", "candles"]

Source = Literal["auto", "venue", "trades"]

_Source = Callable[[int, int], Awaitable[Sequence[Bar]]]
"""The bars that one source has between two moments."""

_LOOKS = 4
_FURTHER = 8
_MOST = 20_000
"""Bars that one look goes over at the most, but for what is asked for."""


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
    sources: list[_Source] = [
        partial(from_venue, archive, instrument, interval, now_us, each, there.bars[each.name][1])
        for each in parts
    ]
    if built:
        sources.append(partial(from_trades, archive, instrument, interval, now_us))
    between = partial(_between, interval, sources)

    first_us = interval.begin(min(begin for begin, _ in known))
    end_us = interval.next(interval.begin(max(end for _, end in known)))
    since_us, until_us = _ends(interval, span, first_us, end_us)
    found, left_us = await _search(
        interval, since_us, until_us, limit, between, ahead=span.since_us is not None
    )
    if span.since_us is None:
        return found[-limit:], None, True
    if len(found) > limit:
        found = found[:limit]
        left_us = interval.next(found[-1].open_time_us)
    return found, left_us if left_us < until_us else None, True


async def _between(interval: Interval, sources: Sequence[_Source], since_us: int, until_us: int) -> list[Bar]:
    """The bars that begin between two moments: each from the first source that has it."""
    bars: dict[int, Bar] = {}
    for source in sources:
        if missing := _missing(interval, bars, since_us, until_us):
            for bar in await source(*missing):
                if interval.begin(bar.open_time_us) == bar.open_time_us:
                    bars.setdefault(bar.open_time_us, bar)
    return [bars[begin_us] for begin_us in sorted(bars)]


async def _search(
    interval: Interval,
    since_us: int,
    until_us: int,
    limit: int,
    between: Callable[[int, int], Awaitable[list[Bar]]],
    *,
    ahead: bool,
) -> tuple[list[Bar], int]:
    """Look for ``limit`` bars from the begin on, or back from the end: where there are few, further each time. Tells how far it has looked."""
    found: list[Bar] = []
    bars = limit
    for _ in range(_LOOKS):
        if len(found) >= limit or since_us >= until_us:
            break
        if ahead:
            border_us = min(until_us, interval.shifted(since_us, bars))
            found += await between(since_us, border_us)
            since_us = border_us
        else:
            border_us = max(since_us, interval.shifted(until_us, -bars))
            found = [*await between(border_us, until_us), *found]
            until_us = border_us
        bars = max(limit, min(_FURTHER * bars, _MOST))
    return found, since_us


def _parts(there: Stored, interval: Interval) -> Sequence[Interval]:
    """The interval itself, then those it can be put together of, the longest first."""
    own = [interval] if interval.name in there.bars else []
    shorter = [each for name, each in INTERVALS.items() if name in there.bars and interval.made_of(each)]
    return [*own, *reversed(shorter)]


def _ends(interval: Interval, span: Span, first_us: int, end_us: int) -> tuple[int, int]:
    """Between which moments the bars begin that are asked for, as far as there are any."""
    if span.until_us is not None:
        end_us = min(end_us, interval.next(interval.begin(span.until_us - 1)) if span.until_us else 0)
    if span.since_us is not None:
        since_us = interval.begin(span.since_us)
        first_us = max(first_us, since_us if since_us == span.since_us else interval.next(since_us))
    return first_us, end_us


def _missing(
    interval: Interval, bars: Mapping[int, Bar], since_us: int, until_us: int
) -> tuple[int, int] | None:
    """From the first bar that is not there to the last; None where all are."""
    left = []
    at_us = since_us
    while at_us < until_us:
        if at_us not in bars:
            left.append(at_us)
        at_us = interval.next(at_us)
    return (left[0], interval.next(left[-1])) if left else None
