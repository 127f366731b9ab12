"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from bookmill.since import SINCE


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), (" 7d ", 7 * 86_400)]
)
def test_so_long_ago(text: str, seconds: int) -> None:
    moment = SINCE.convert(text, None, None)
    ago = datetime.now(UTC) - moment
    assert timedelta(0) <= ago - timedelta(seconds=seconds) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-11-26T08:00", 8), ("2026-11-26T08:00Z", 8), ("2026-11-26T08:00+02:00", 6)]
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, hour: int) -> None:
    assert SINCE.convert(text, None, None) == datetime(2026, 11, 26, hour, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "3w", "-1h", "1e3s", "2026-13-01"])
def test_anything_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 30m, 12h, 7d or 2026"):
        SINCE.convert(text, None, None)
