"""The volume profile: how wide buckets are, what stands in them, and the value area."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.profile import MOST_BUCKETS, Width, _step, profile
from analysis.question import NothingStoredError
from bookmill.decimals import plain_text, scaled_int
from bookmill.errors import ConfigurationError, RefusedError
from tests.unit.analysis.market import Market


def buckets(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["low_price"], row["volume"]) for row in report["buckets"]]


def spread_out(market: Market) -> None:
    """Volumes 1, 10, 2, 4, 3 at 100, 101, 102, 103, 105."""
    market.traded(
        (0, "100", "1", "BUY"),
        (1, "101", "6", "BUY"),
        (2, "101.99", "4", "SELL"),
        (3, "102", "2", "SELL"),
        (4, "103.5", "4", "BUY"),
        (5, "105", "3", "SELL"),
    )


def test_volume_by_price(market: Market) -> None:
    spread_out(market)
    report = market.ask(profile, Width(step="1"))
    assert buckets(report) == [("100", "1"), ("101", "10"), ("102", "2"), ("103", "4"), ("105", "3")]
    assert report["buckets"][1] == {
        "low_price": "101",
        "high_price": "102",
        "volume": "10",
        "buy_volume": "6",
        "sell_volume": "4",
        "quote_volume": "1013.96",
        "trades": 2,
        "poc": True,
        "value_area": True,
    }
    assert (report["instrument"], report["step"], report["tick"]) == ("binance.spot.BTC-USDT", "1", None)
    assert (report["volume"], report["trades"]) == ("20", 6)
    assert report["poc"] == {"low_price": "101", "high_price": "102", "volume": "10"}
    # 10, then 2 above (more than 1 below), then 4 above: 16 of 20
    assert report["value_area"] == {"low_price": "101", "high_price": "104", "volume": "16"}


def test_of_equal_buckets_the_lowest_is_the_poc_and_the_upper_neighbour_comes_first(market: Market) -> None:
    market.traded(*((second, price, "2", "BUY") for second, price in enumerate("1234")))
    report = market.ask(profile, Width(step="1"))
    assert [row["poc"] for row in report["buckets"]] == [True, False, False, False]
    assert [row["value_area"] for row in report["buckets"]] == [True, True, True, False]
    market.traded((9, "2", "1", "BUY"))
    report = market.ask(profile, Width(step="1"))  # 2, 3, 2, 2: from the second one up twice
    assert [row["value_area"] for row in report["buckets"]] == [False, True, True, True]


def test_a_step_that_is_no_power_of_ten(market: Market) -> None:
    market.traded((0, "0.7", "1", "BUY"), (1, "0.749999999999999999", "2", "BUY"), (2, "0.75", "4", "BUY"))
    assert buckets(market.ask(profile, Width(step="0.05"))) == [("0.7", "3"), ("0.75", "4")]
    narrow = market.ask(profile, Width(step="0.000000000000000001"), since=1)
    assert buckets(narrow) == [("0.749999999999999999", "2"), ("0.75", "4")]


def test_the_tick_is_what_the_exchange_said_last(market: Market) -> None:
    spread_out(market)
    with pytest.raises(RefusedError, match=r"The tick of binance.spot.BTC-USDT is not stored"):
        market.ask(profile, Width(ticks=2))
    for day, tick in ((0, "5"), (2, "0.5"), (1, "7")):
        market.listed(tick, day * 86_400)
    report = market.ask(profile, Width(ticks=4))
    assert (report["tick"], report["step"]) == ("0.5", "2")
    assert buckets(report) == [("100", "11"), ("102", "6"), ("104", "3")]


@pytest.mark.parametrize(
    ("low", "high", "most", "step"),
    [
        ("100", "105", 1, "10"),
        ("100", "105", 2, "5"),
        ("100", "105", 3, "2"),
        ("100", "105", 5, "2"),
        ("100", "105", 6, "1"),
        ("100", "105", 50, "0.2"),
        ("64250.1", "64250.1", 50, "1"),  # it stood still
        ("0.000000000000000001", "0.000000000000000001", 1, "0.000000000000000001"),
        ("0", "99999999999999999999", 7, "20000000000000000000"),
    ],
)
def test_a_number_of_buckets_is_the_most_there_are(low: str, high: str, most: int, step: str) -> None:
    assert plain_text(_step(Width(buckets=most), scaled_int(low), scaled_int(high), None, "x")) == step


def test_without_a_word_there_are_fifty_at_most(market: Market) -> None:
    spread_out(market)
    report = market.ask(profile, Width())
    assert (report["step"], len(report["buckets"])) == ("0.2", 6)


def test_one_instrument_has_to_be_said(market: Market) -> None:
    spread_out(market)
    spread_out(market.of("okx"))
    with pytest.raises(ConfigurationError, match=r"2 fit: .*okx.spot.BTC-USDT"):
        market.ask(profile, Width())
    assert market.ask(profile, Width(), exchanges=("okx",))["instrument"] == "okx.spot.BTC-USDT"
    with pytest.raises(NothingStoredError, match="No trades of kraken between 2026-01-05T10:00"):
        market.ask(profile, Width(), exchanges=("kraken",))


def test_too_many_buckets_are_refused_before_they_are_made(market: Market) -> None:
    spread_out(market)
    with pytest.raises(
        ConfigurationError, match=f"gives 5001 buckets between 100 and 105; {MOST_BUCKETS} are the most"
    ):
        market.ask(profile, Width(step="0.001"))


@pytest.mark.parametrize(
    "given",
    [
        {"step": "0"},
        {"step": "-1"},
        {"step": "1e3"},
        {"step": "' OR 1"},
        {"step": "0.0000000000000000001"},
        {"ticks": 0},
        {"buckets": 0},
        {"buckets": MOST_BUCKETS + 1},
        {"step": "1", "ticks": 1},
    ],
)
def test_what_is_no_width_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Width(**given)
