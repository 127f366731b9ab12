"""What of the raw topics is checked: as far as workers have said, and only markets that are collected."""

from __future__ import annotations

import pytest

from audit.spans import Span, markets_of, processed
from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings, Settings

SETTINGS = Settings(
    exchanges={
        "binance": {"spot": MarketSettings(), "usdm": MarketSettings(enabled=False)},
        "okx": {"spot": MarketSettings(), "swap": MarketSettings()},
    }
)


@pytest.mark.parametrize(
    ("offset", "metadata", "expected"),
    [
        (10, '{"processed": 25}', 25),
        (10, "", 10),
        (10, None, 10),
        (10, "{", 10),
        (10, "[1]", 10),
        (10, '{"processed": null}', 10),
        (-1001, None, 0),
    ],
)
def test_a_worker_says_how_far_its_events_are_stored(
    offset: int, metadata: str | None, expected: int
) -> None:
    assert processed(offset, metadata) == expected


def test_markets_are_those_that_are_collected() -> None:
    assert markets_of(SETTINGS, None, None) == [("binance", "spot"), ("okx", "spot"), ("okx", "swap")]
    assert markets_of(SETTINGS, "okx", None) == [("okx", "spot"), ("okx", "swap")]
    assert markets_of(SETTINGS, None, "spot") == [("binance", "spot"), ("okx", "spot")]


def test_another_market_is_one_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"no market 'binance.usdm'.*binance.spot, okx.spot"):
        markets_of(SETTINGS, "binance", "usdm")


def test_a_span_that_begins_later_is_not_whole() -> None:
    assert Span("binance", "spot", "raw.binance.spot", 0, 0, 5).whole
    later = Span("binance", "spot", "raw.binance.spot", 0, 3, 5)
    assert not later.whole
    assert later.records == 2
