"""The figures of the day and of the minute, as feeds are told them."""

from __future__ import annotations

from simulator.day import DayFigures
from simulator.feed import Bar

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # a minute's begin


def test_figures_come_once_a_second() -> None:
    figures = DayFigures(100)
    assert figures.due(START_MS + 500) is None  # the first second is only begun
    assert figures.due(START_MS + 990) is None
    assert figures.due(START_MS + 1000) is not None
    assert figures.due(START_MS + 1990) is None


def test_a_minute_is_told_while_it_runs_and_once_when_it_ends() -> None:
    figures = DayFigures(100)
    figures.due(START_MS)
    for price, lots in ((103, 2), (99, 1), (101, 4)):
        figures.trade(price, lots)
    running = figures.due(START_MS + 1000)
    assert running is not None
    assert running.minute == Bar(START_MS, 100, 103, 99, 101, 7, 3, closed=False, turnover=709)
    figures.trade(104, 1)
    ended = figures.due(START_MS + MINUTE_MS)
    assert ended is not None
    assert ended.minute == Bar(START_MS, 100, 104, 99, 104, 8, 4, closed=True, turnover=813)
    assert (ended.open, ended.high, ended.low, ended.last) == (100, 104, 99, 104)
    following = figures.due(START_MS + MINUTE_MS + 1000)
    assert following is not None
    assert following.minute == Bar(START_MS + MINUTE_MS, 104, 104, 104, 104, 0, 0, closed=False)
    assert (following.volume_lots, following.trades, following.turnover) == (8, 4, 813)


def test_what_is_older_than_a_day_goes_out_of_it() -> None:
    figures = DayFigures(100)
    figures.due(START_MS)
    figures.trade(500, 10)  # the first minute's
    figures.due(START_MS + MINUTE_MS)
    figures.trade(200, 1)  # the second's
    for minute in range(2, 24 * 60):
        figures.due(START_MS + minute * MINUTE_MS)
    whole = figures.due(START_MS + 24 * 60 * MINUTE_MS - 1000)
    assert whole is not None
    assert (whole.high, whole.volume_lots, whole.trades) == (500, 11, 2)
    figures.due(START_MS + 24 * 60 * MINUTE_MS)
    later = figures.due(START_MS + 24 * 60 * MINUTE_MS + 1000)
    assert later is not None
    assert (later.open, later.high, later.low, later.last) == (500, 500, 200, 200)
    assert (later.volume_lots, later.trades, later.turnover) == (1, 1, 200)


def test_seconds_that_were_skipped_end_the_minute_once() -> None:
    figures = DayFigures(100)
    figures.due(START_MS + 58_000)
    jumped = figures.due(START_MS + MINUTE_MS + 7_000)
    assert jumped is not None
    assert jumped.minute.closed
    following = figures.due(START_MS + MINUTE_MS + 8_000)
    assert following is not None
    assert (following.minute.start_ms, following.minute.closed) == (START_MS + MINUTE_MS, False)
