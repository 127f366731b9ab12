"""Bars begin where exchanges let them begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intervals import INTERVALS, Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("name", "begin", "following"),
    [
        ("1s", "2026-02-26T13:47:59", "2026-02-26T13:48:00"),
        ("15s", "2026-02-26T13:47:45", "2026-02-26T13:48:00"),
        ("1m", "2026-02-26T13:47", "2026-02-26T13:48"),
        ("30m", "2026-02-26T13:30", "2026-02-26T14:00"),
        ("4h", "2026-02-26T12:00", "2026-02-26T16:00"),
        ("12h", "2026-02-26T12:00", "2026-02-27T00:00"),
        ("1d", "2026-02-26", "2026-02-27"),
        ("3d", "2026-02-24", "2026-02-27"),
        ("1w", "2026-02-23", "2026-03-02"),
        ("1M", "2026-02-01", "2026-03-01"),
    ],
)
def test_where_bars_begin(name: str, begin: str, following: str) -> None:
    interval = INTERVALS[name]
    assert interval.begin(us("2026-02-26T13:47:59.999999")) == us(begin)
    assert interval.begin(us(begin)) == us(begin)
    assert interval.next(us(begin)) == us(following)


def test_three_day_bars_begin_where_binance_has_them() -> None:
    assert INTERVALS["3d"].begin(1_502_841_600_000_000) == 1_502_841_600_000_000


def test_months_have_their_own_lengths() -> None:
    month = INTERVALS["1M"]
    assert month.shifted(us("2024-01-01"), 1) == us("2024-02-01")
    assert month.shifted(us("2024-02-01"), 1) == us("2024-03-01")
    assert month.shifted(us("2024-01-01"), -1) == us("2023-12-01")
    assert month.shifted(us("2024-01-01"), -25) == us("2021-12-01")
    assert month.shifted(us("2024-12-01"), 13) == us("2026-01-01")


INTERVAL = st.sampled_from(list(INTERVALS.values()))
MOMENT = st.integers(us("1971-01-01"), us("2199-01-01"))


@given(INTERVAL, MOMENT, st.integers(-500, 500))
def test_bars_follow_each_other_without_a_gap(interval: Interval, at_us: int, bars: int) -> None:
    begin = interval.begin(at_us)
    assert begin <= at_us < interval.next(begin)
    assert interval.begin(interval.next(begin)) == interval.next(begin)
    assert interval.begin(interval.next(begin) - 1) == begin
    if begin + bars * 31 * 86_400_000_000 > 0:
        assert interval.shifted(interval.shifted(begin, bars), -bars) == begin


@given(INTERVAL, INTERVAL, MOMENT)
def test_a_bar_is_made_of_whole_ones_where_that_is_said(whole: Interval, part: Interval, at_us: int) -> None:
    begin = whole.begin(at_us)
    if whole.made_of(part):
        assert part.begin(begin) == begin
        assert (whole.next(begin) - begin) % part.length_us == 0
        assert whole.next(begin) - begin > part.length_us


def test_which_are_made_of_which() -> None:
    made_of = {
        name: [other for other, part in INTERVALS.items() if whole.made_of(part)]
        for name, whole in INTERVALS.items()
    }
    assert made_of["1s"] == []
    assert made_of["3m"] == ["1s", "5s", "15s", "30s", "1m"]
    assert made_of["8h"][-3:] == ["1h", "2h", "4h"]
    assert made_of["3d"][-2:] == ["12h", "1d"]
    assert made_of["1w"] == made_of["1M"]
    assert made_of["1M"][-2:] == ["12h", "1d"]
