"""Numbers are read exactly, in every spelling an exchange may use."""

from __future__ import annotations

import pytest

from bookmill.errors import FrameError
from venues.numbers import ScaledNumbers, signed

UNIT = 10**18


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("0", 0),
        ("0.00000000", 0),
        ("0.000", 0),
        ("-0", 0),
        ("0e-20", 0),
        ("61602.01000000", 61_602_010_000_000_000_000_000),
        ("0.10", UNIT // 10),
        ("0.1", UNIT // 10),
        ("8477", 8477 * UNIT),
        ("8477.0", 8477 * UNIT),
        ("1e-05", UNIT // 100_000),
        ("2.2e3", 2200 * UNIT),
        (".5", UNIT // 2),
        ("0.000000000000000001", 1),
        ("1e-18", 1),
        ("99999999999999999999", 99_999_999_999_999_999_999 * UNIT),
    ],
)
def test_spellings(text: str, scaled: int) -> None:
    assert ScaledNumbers()[text] == scaled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1,5",
        "1.2.3",
        "--1",
        "NaN",
        "Infinity",
        "-1",
        "0.0000000000000000001",
        "1e30",
        "1" * 30,
        "١٢",
        "1e999999999",
        "1e-999999999",
        "1_0",
        " 1",
        "1\n",
        "9" * 10_000,
        "0." + "0" * 10_000,
    ],
)
def test_what_is_no_price_or_quantity(text: str) -> None:
    with pytest.raises(FrameError):
        ScaledNumbers()[text]


@pytest.mark.parametrize(
    ("text", "scaled"), [("-0.0001", -UNIT // 10_000), ("0.0001", UNIT // 10_000), ("-0", 0)]
)
def test_rates_may_be_negative(text: str, scaled: int) -> None:
    assert signed(text) == scaled


@pytest.mark.parametrize("text", ["--1", "-", "", "-x"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(FrameError):
        signed(text)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("venues.numbers._MEMORY", 2)
    numbers = ScaledNumbers()
    assert [numbers[str(n)] for n in range(5)] == [n * UNIT for n in range(5)]
    assert len(numbers) <= 2
