"""Decimals are exact texts, times come back as they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.decimals import plain_text, scaled_int
from bookmill.times import iso
from gateway.errors import ApiError
from gateway.forms import decimal_text, moment

NOW = 1_767_607_200_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 7_258_118_400_000_000 - 1


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_a_decimal_is_exact_short_and_plain(scaled: int) -> None:
    text = decimal_text(scaled)
    assert text is not None
    assert Decimal(text) == Decimal((scaled < 0, tuple(map(int, str(abs(scaled)))), -18))
    assert "e" not in text.lower()
    assert not (text.endswith("0") and "." in text)
    assert scaled_int(text) == scaled


def test_null_stays_null() -> None:
    assert decimal_text(None) is None


def test_small_numbers_keep_their_digits() -> None:
    assert [plain_text(each) for each in (1, -1, 0, 10**17)] == [
        "0.000000000000000001",
        "-0.000000000000000001",
        "0",
        "0.1",
    ]


@given(st.integers(0, LATEST))
def test_a_time_comes_back_in_either_form(micros: int) -> None:
    text = iso(micros)
    assert len(text) == len("2026-01-05T10:00:00.123456Z")
    assert datetime.fromisoformat(text) - EPOCH == timedelta(microseconds=micros)
    assert moment(text, NOW) == micros
    assert moment(str(micros), NOW) == micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("15m", NOW - 900_000_000),
        ("2h", NOW - 7_200_000_000),
        ("1d", NOW - 86_400_000_000),
        ("0s", NOW),
        ("250ms", NOW - 250_000),
        ("2026-01-05", NOW - 36_000_000_000),
        ("2026-01-05T10:00", NOW),
        ("2026-01-05 10:00:00", NOW),
        ("2026-01-05T12:00:00+02:00", NOW),
        ("2026-01-05T12:00:00 02:00", NOW),
        (" 2026-01-05T10:00:00Z ", NOW),
    ],
)
def test_what_people_write_is_understood(text: str, micros: int) -> None:
    assert moment(text, NOW) == micros


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15", "-5m", "5 m", "1e9s", "²m", "2026-13-01", "1' OR 1=1", "T"]
)
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    if text == "15":
        assert moment(text, NOW) == 15  # microseconds
        return
    with pytest.raises(ApiError) as raised:
        moment(text, NOW, field="since")
    assert (raised.value.status, raised.value.code, raised.value.field) == (400, "bad_request", "since")


@pytest.mark.parametrize("text", ["9999999w", "7258118400000000", "2200-01-01", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_no_table_holds_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as raised:
        moment(text, NOW, field="until")
    assert raised.value.status == 400
    assert raised.value.field == "until"
