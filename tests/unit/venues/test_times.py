"""Times as exchanges write them: exact to the microsecond, and nothing else is taken for one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError
from venues.times import rfc3339_micros, yymmdd


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2026-09-25T17:48:24.799230Z", 1_790_358_504_799_230),
        ("2026-09-25T17:48:24.79923Z", 1_790_358_504_799_230),
        ("2026-09-25T17:48:24.7Z", 1_790_358_504_700_000),
        ("2026-09-25T17:48:00.000000000Z", 1_790_358_480_000_000),
        ("2026-09-25T17:48:24.799230999Z", 1_790_358_504_799_230),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
    ],
)
def test_known_times(text: str, micros: int) -> None:
    assert rfc3339_micros(text) == micros


def test_no_time_loses_a_microsecond() -> None:
    draw, epoch = random.Random(7), datetime(1970, 1, 1, tzinfo=UTC)
    for _ in range(500):
        micros = draw.randrange(-(10**15), 4 * 10**15)
        text = (epoch + timedelta(microseconds=micros)).isoformat(timespec="microseconds")
        assert rfc3339_micros(text.replace("+00:00", "Z")) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-09-25",
        "2026-09-25T17:48:24",
        "2026-09-25T17:48:24.799230",
        "2026-09-25 17:48:24Z",
        "2026-09-25T17:48:24.Z",
        "2026-09-25T17:48:24,5Z",
        "2026-09-25T17:48:24.5+02:00",
        "2026-09-25T17:48:24+00:00",
        "2026-09-25T17:48:24.1234567890Z",
        "2026-09-25T17:48:24.-1Z",
        "2026-09-25T17:48:24.٣Z",
        "٢٠٢٦-09-25T17:48:24Z",
        "2026-13-25T17:48:24Z",
        "2026-02-30T17:48:24Z",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-09-25T17:48:61Z",
        "20260925T174824.12Z",
        "1790358504",
    ],
)
def test_what_is_no_time_in_utc_is_a_frame_error(text: str) -> None:
    with pytest.raises(FrameError):
        rfc3339_micros(text)


@given(st.integers(0, 4_000_000_000_000))
def test_a_day_is_that_of_the_calendar(time_ms: int) -> None:
    assert yymmdd(time_ms) == datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%y%m%d")
