"""RFC 3339 times become exact microseconds, whatever number of digits an exchange writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bookmill.errors import FrameError
from venues import times
from venues.times import rfc3339_micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("2014-11-07T08:19:28.464459Z", 1_415_348_368_464_459),
        ("2026-08-25T03:35:57.300000Z", 1_787_628_957_300_000),
        ("2026-08-25T03:35:57.3Z", 1_787_628_957_300_000),
        ("2026-08-25T03:35:57Z", 1_787_628_957_000_000),
        ("2023-02-09T20:30:37.167359596Z", 1_675_974_637_167_359),
        ("2023-06-09T20:19:35.39625135Z", 1_686_341_975_396_251),
        ("2024-02-29T23:59:59.999999999Z", 1_709_251_199_999_999),
        ("0001-01-01T00:00:00.000000Z", -62_135_596_800_000_000),
    ],
)
def test_digits_behind_the_second(text: str, micros: int) -> None:
    assert rfc3339_micros(text) == micros
    assert rfc3339_micros(text) == micros  # from memory


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-08-25",
        "2026-08-25T03:35:57",
        "2026-08-25T03:35:57.",
        "2026-08-25T03:35:57.Z",
        "2026-08-25T03:35:57.300000",
        "2026-08-25T03:35:57.300000+00:00",
        "2026-08-25T03:35:57+01:00",
        "2026-08-25T03:35:57,300Z",
        "2026-08-25T03:35:57.3 0Z",
        "2026-08-25T03:35:57.-30Z",
        "2026-08-25T03:35:57.٣Z",
        "2026-08-25 03:35:57Z",
        "2026-W35-2T03:35:57Z",
        "2026-13-25T03:35:57Z",
        "2026-02-30T03:35:57Z",
        "2026-08-25T24:35:57Z",
        "2026-08-25T03:60:57Z",
        "2026-08-25T03:35:60Z",
        "2026-08-00T03:35:57Z",
        "2026-00-25T03:35:57Z",
        "2023-02-29T03:35:57Z",
        "1900-02-29T03:35:57Z",
        "0000-01-01T00:00:00Z",
        "20260825T033557Z",
        "x" * 4000,
    ],
)
def test_what_is_no_time_in_utc(text: str) -> None:
    with pytest.raises(FrameError, match="Not an RFC 3339 time"):
        rfc3339_micros(text)


def test_every_day_is_that_of_the_calendar() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for day in range(-719_162, 2_932_896, 97):  # of all years from 1 to 9999
        moment = epoch + timedelta(days=day, hours=day % 24, minutes=day % 60, seconds=day % 59)
        text = f"{moment.isoformat()[:19]}Z"
        assert rfc3339_micros(text) == (moment - epoch) // timedelta(microseconds=1), text


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "_MEMORY", 2)
    assert [rfc3339_micros(f"1970-01-01T00:00:0{n}Z") for n in range(5)] == [n * 1_000_000 for n in range(5)]
    assert len(times._known) <= 2
