"""What the views say of a few events, reckoned by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from analysis import reports
from tests.unit.analysis.market import Market, at


def only(report: dict[str, Any], key: str = "instruments") -> dict[str, Any]:
    [row] = report[key]
    found: dict[str, Any] = row
    return found


def test_a_summary_of_four_trades_and_the_last_top(market: Market) -> None:
    market.traded((-1, "1", "1", "BUY"))  # before
    market.traded(
        (0, "100", "1", "BUY"), (1, "110", "2", "BUY"), (2, "90", "3", "SELL"), (3, "105", "4", "BUY")
    )
    market.traded((60, "1", "1", "BUY"))  # at the end, which is not in it
    market.quoted((1, "104", "1", "106", "1"), (2, "104.9", "1", "105.1", "1"))
    market.quoted((3, "1", "1", "9", "1"), state="stale")
    market.quoted((4, "100", "1", "109", "1"), origin="ticker")
    row = only(market.ask(reports.summary, until=60))
    assert row == {
        "instrument": "binance.spot.BTC-USDT",
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "first_price": "100",
        "last_price": "105",
        "change": "5",
        "change_percent": "5",
        "high_price": "110",
        "low_price": "90",
        "volume": "10",
        "quote_volume": "1010",
        "trades": 4,
        "vwap": "101",
        "first_time": "2026-01-05T10:00:00.000000Z",
        "first_time_us": 1_767_607_200_000_000,
        "last_time": "2026-01-05T10:00:03.000000Z",
        "last_time_us": 1_767_607_203_000_000,
        "bid_price": "104.9",
        "ask_price": "105.1",
        "spread": "0.2",
        "spread_bps": "19.047619047619047619",
        "top_time": "2026-01-05T10:00:02.000000Z",
        "top_time_us": 1_767_607_202_000_000,
    }


def test_a_market_of_quotes_alone_is_summed_up_too(market: Market) -> None:
    market.quoted((1, "104", "1", "106", "1"), origin="ticker")
    row = only(market.ask(reports.summary))
    assert (row["trades"], row["vwap"], row["last_price"], row["first_time"]) == (0, None, None, None)
    assert (row["bid_price"], row["ask_price"]) == ("104", "106")


def test_nothing_is_rounded_where_it_is_exact(market: Market) -> None:
    large, small = "99999999999999999999.999999999999999999", "0.000000000000000001"
    market.traded((0, large, large, "BUY"), (1, small, small, "SELL"))
    row = only(market.ask(reports.summary))
    assert row["volume"] == "100000000000000000000"
    assert (row["bid_price"], row["top_time"]) == (None, None)
    exact = 99999999999999999999_999999999999999999**2 + 1
    assert row["quote_volume"].replace(".", "") == str(exact)


def test_a_trade_that_was_asked_for_later_happened_when_the_exchange_says(market: Market) -> None:
    market.traded((10, "100", "1", "BUY"), exchange_time=at(-3600))  # another clock
    market.traded((900, "200", "1", "BUY"), exchange_time=at(20), source="backfill")
    market.traded((5, "300", "1", "BUY"), exchange_time=at(-100), source="poll")
    row = only(market.ask(reports.summary, until=60))
    assert (row["first_price"], row["last_price"], row["trades"]) == ("100", "200", 2)


def test_trading_statistics_of_three_minutes(market: Market) -> None:
    market.traded(
        (0, "90", "1", "BUY"), (59, "100", "2", "SELL"), (61, "110", "3", "BUY"), (180, "99", "4", "SELL")
    )
    row = only(market.ask(reports.trading))
    assert (row["trades"], row["buy_trades"], row["sell_trades"]) == (4, 2, 2)
    assert (row["volume"], row["buy_volume"], row["sell_volume"]) == ("10", "4", "6")
    assert (row["vwap"], row["trade_imbalance"]) == ("101.6", "-0.2")
    assert (row["min_size"], row["mean_size"], row["max_size"]) == ("1", "2.5", "4")
    volatility = math.sqrt(math.log(110 / 100) ** 2 + math.log(99 / 110) ** 2)
    assert row["volatility_minutes"] == 3  # the third one without a trade: a return of 0
    assert row["volatility"] == pytest.approx(volatility, rel=1e-12)
    assert row["volatility_annualised"] == pytest.approx(volatility * math.sqrt(365 * 1440 / 3), rel=1e-12)
    assert (row["order_flow"], row["book_imbalance"]) == (None, None)


def test_one_minute_has_no_volatility(market: Market) -> None:
    market.traded((0, "90", "1", "BUY"), (59, "100", "2", "SELL"))
    row = only(market.ask(reports.trading))
    assert (row["volatility"], row["volatility_annualised"], row["volatility_minutes"]) == (None, None, None)


def test_sizes_are_those_of_trades(market: Market) -> None:
    market.traded(*((second, "1", f"{1 + second}.5", "BUY") for second in range(100)))
    row = only(market.ask(reports.trading))
    assert [row[f"size_p{each}"] for each in (50, 90, 95, 99)] == ["51.5", "91.5", "96.5", "100.5"]


def test_order_flow_adds_up_what_changes_at_the_top(market: Market) -> None:
    market.traded((0, "100", "1", "BUY"))
    market.quoted(
        (0, "99", "5", "101", "4"),
        (1, "99", "7", "101", "4"),  # two more bid: +2
        (2, "98", "3", "101", "4"),  # seven bid are gone: -7
        (3, "98", "3", "102", "6"),  # four asked are gone: +4
        (4, "98", "3", "101", "1"),  # one more asked: -1
        (5, "99", "2", "101", "0.5"),  # two bid: +2; half an ask is gone: +0.5
    )
    market.lost(6)
    market.quoted((7, "10", "100", "11", "1"))  # nothing before it
    row = only(market.ask(reports.trading))
    assert row["order_flow"] == "0.5"


def test_imbalance_of_the_book_is_weighted_by_time(market: Market) -> None:
    market.traded((0, "100", "1", "BUY"))
    market.quoted((0, "99", "3", "101", "1"), (30, "99", "1", "101", "3"), (40, "99", "1", "101", "1"))
    row = only(market.ask(reports.trading, until=50))
    assert row["book_imbalance"] == pytest.approx((0.5 * 30 - 0.5 * 10 + 0) / 50)


def held(market: Market, since: float = 0, until: float = 1000) -> list[tuple[str, int]]:
    """Bids, and how many seconds each held."""
    rows = market.rows(
        "SELECT bid_price, held_us FROM tops_between("
        f"since = '{at(since)}', until = '{at(until)}') ORDER BY origin, top_time"
    )
    return [(row["bid_price"], row["held_us"] // 1_000_000) for row in rows]


def test_a_top_holds_until_the_next_one(market: Market) -> None:
    market.quoted((0, "1", "1", "9", "1"), (10, "2", "1", "9", "1"), (15, "3", "1", "9", "1"))
    market.of("okx").quoted((12, "7", "1", "9", "1"))
    market.quoted((11, "4", "1", "9", "1"), origin="ticker")
    assert sorted(held(market, until=20)) == [("1", 10), ("2", 5), ("3", 5), ("4", 9), ("7", 8)]


def test_a_top_ends_with_its_book(market: Market) -> None:
    market.quoted((0, "1", "1", "9", "1"), (10, "2", "1", "9", "1"))
    market.quoted((10, "5", "1", "9", "1"), origin="ticker")
    market.lost(12, closed=30)
    market.quoted((30, "3", "1", "9", "1"), (35, "4", "1", "9", "1"))
    market.quoted((37, "6", "1", "9", "1"), state="resyncing")
    assert held(market, until=40) == [("1", 10), ("2", 2), ("3", 5), ("4", 2), ("5", 30)]


def test_wrong_times_and_gaps_of_trades_end_no_top(market: Market) -> None:
    market.quoted((0, "1", "1", "9", "1"))
    market.lost(5, cause="time")
    market.lost(6, stream="trades")
    assert held(market, until=20) == [("1", 20)]


def test_a_quiet_book_is_believed_for_a_minute_after_its_last_sign(market: Market) -> None:
    market.quoted((0, "1", "1", "9", "1"))
    market.alive(50, 100, 200)
    market.quoted((500, "2", "1", "9", "1"))
    assert held(market) == [("1", 260), ("2", 60)]


def test_a_top_counts_within_the_range_only(market: Market) -> None:
    market.quoted((-61, "0", "1", "9", "1"), (-30, "1", "1", "9", "1"), (5, "2", "1", "9", "1"))
    assert held(market, until=7) == [("1", 5), ("2", 2)]
    assert held(market, since=6, until=7) == [("2", 1)]


def test_spreads_are_weighted_by_time(market: Market) -> None:
    market.quoted((0, "999", "1", "1001", "1"), (10, "998", "1", "1002", "1"), (40, "995", "1", "1005", "1"))
    market.quoted((45, "1", "1", "1001", "1"), bid_price=None, mid=None, spread=None, spread_bps=None)
    row = only(market.ask(reports.spreads, until=60))
    assert (row["tops"], row["live_s"]) == (3, "45")
    # 20, 40 and 100 basis points for 10, 30 and 5 seconds
    assert row["mean_bps"] == "42.222222222222222222"
    assert row["mean_spread"] == "4.222222222222222222"
    percentiles = [row[f"p{each}_bps"] for each in (5, 25, 50, 75, 95, 99)]
    assert percentiles == ["20", "40", "40", "40", "100", "100"]
    assert (row["min_bps"], row["max_bps"]) == ("20", "100")


def test_time_is_not_rounded_to_seconds(market: Market) -> None:
    market.quoted((0, "999", "1", "1001", "1"))
    assert only(market.ask(reports.spreads, until=0.25))["live_s"] == "0.25"


def test_spreads_by_hour_of_the_day(market: Market) -> None:
    market.quoted(
        (0, "999", "1", "1001", "1"), (3600, "998", "1", "1002", "1"), (86_400, "995", "1", "1005", "1")
    )
    hours = market.ask(reports.spreads, until=172_800)["hours"]
    assert [(row["hour"], row["live_s"], row["mean_bps"]) for row in hours] == [
        (10, "120", "60"),
        (11, "60", "40"),
    ]


def test_venues_are_compared_while_both_are_live(market: Market) -> None:
    other = market.of("okx")
    market.quoted((0.5, "99", "1", "101", "1"), (4.5, "100", "1", "102", "1"))
    other.quoted((2, "99", "1", "103", "1"))
    market.traded((1, "100", "1", "BUY"), exchange_time=at(0.5))
    market.of("okx", "ETH-USDT").quoted((0, "9", "1", "11", "1"))
    report = market.ask(reports.venues, until=10)
    binance, okx = report["venues"]
    # Seconds 2, 3, 4: mids 100 and 101, bids equal, binance asks less. Seconds 5 to 9: mids 101 and 101, binance bids more and asks less.
    assert (binance["instrument"], okx["instrument"]) == ("binance.spot.BTC-USDT", "okx.spot.BTC-USDT")
    assert [row["seconds"] for row in (binance, okx)] == [8, 8]
    assert [row["best_bid_percent"] for row in (binance, okx)] == ["100", "37.5"]
    assert [row["best_ask_percent"] for row in (binance, okx)] == ["100", "0"]
    apart = 0.5 / 100.5 * 10_000 * 3 / 8
    assert float(binance["mid_difference_bps"]) == pytest.approx(-apart)
    assert float(okx["mid_difference_bps"]) == pytest.approx(apart)
    assert (binance["latency_p50_us"], okx["latency_p50_us"]) == (500_000, None)
    pair = only(report, "differences")
    assert (pair["exchange"], pair["other_exchange"], pair["seconds"]) == ("binance", "okx", 8)
    assert float(pair["mean_bps"]) == pytest.approx(-1 / 101 * 10_000 * 3 / 8)
    assert (pair["max_bps"], pair["crossed_percent"], pair["correlation"]) == ("0", "0", None)


def test_a_stream_without_a_break_was_never_stale(market: Market) -> None:
    market.quoted((0, "1", "1", "9", "1"), (10, "1", "1", "8", "1"))
    assert only(market.ask(reports.quality))["stale_s"] == "0"


def test_two_venues_that_move_together_are_correlated(market: Market) -> None:
    other = market.of("okx")
    for second, price in enumerate((100, 101, 103, 102, 106, 100)):
        market.quoted((second, f"{price - 1}", "1", f"{price + 1}", "1"))
        other.quoted((second, f"{price}", "1", f"{price + 1}", "1"))
    report = market.ask(reports.venues, until=6)
    assert only(report, "differences")["correlation"] == pytest.approx(1, abs=1e-4)


def test_a_venue_that_fell_silent_is_compared_no_more(market: Market) -> None:
    market.quoted((0, "99", "1", "101", "1"))
    market.alive(5)
    market.of("okx").quoted(*((second, "99", "1", "101", "1") for second in range(30)))
    assert only(market.ask(reports.venues, until=30), "differences")["seconds"] == 15


def test_a_crossed_pair_is_counted(market: Market) -> None:
    market.quoted((0, "99", "1", "101", "1"))
    market.of("okx").quoted((0, "102", "1", "103", "1"), (3, "99", "1", "103", "1"))
    assert only(market.ask(reports.venues, until=4), "differences")["crossed_percent"] == "75"


def test_a_venue_that_is_asked_for_is_compared_with_all(market: Market) -> None:
    market.quoted((0, "99", "1", "101", "1"))
    market.of("kraken").quoted((0, "98", "1", "102", "1"))
    market.of("okx").quoted((0, "97", "1", "103", "1"))
    report = market.ask(reports.venues, until=4, exchanges=("kraken",))
    assert [(row["exchange"], row["venues"], row["best_bid_percent"]) for row in report["venues"]] == [
        ("kraken", 3, "0")
    ]
    pairs = [(row["exchange"], row["other_exchange"]) for row in report["differences"]]
    assert pairs == [("binance", "kraken"), ("kraken", "okx")]


def test_the_exchanges_own_top_stands_in_where_there_is_no_book(market: Market) -> None:
    market.quoted((0, "99", "1", "101", "1"))
    market.quoted((0, "1", "1", "2", "1"), origin="ticker")
    market.of("okx").quoted((0, "99", "1", "101", "1"), origin="ticker")
    report = market.ask(reports.venues, until=4)
    assert [row["best_bid_percent"] for row in report["venues"]] == ["100", "100"]


def test_quality_counts_what_is_wrong(market: Market) -> None:
    market.traded((0, "1", "1", "BUY"), trade_id="1", exchange_time=at(-0.001))
    market.traded((1, "1", "1", "BUY"), trade_id="2", exchange_time=at(0.9))
    market.traded((2, "1", "1", "BUY"), trade_id="3", exchange_time=at(0.8))  # before the one before
    market.traded((3, "1", "1", "BUY"), trade_id="3", exchange_time=at(2.9))  # again
    market.traded((4, "1", "1", "BUY"), trade_id="4", exchange_time=at(0.1), source="backfill")
    market.traded((5, "1", "1", "BUY"), trade_id="5", exchange_time=at(4.9), source="poll")
    market.lost(1, closed=4, stream="trades", missed=2)
    market.lost(6, stream="ticker", cause="disconnect")
    market.lost(6, cause="time")
    market.quoted((0, "1", "1", "9", "1"), (10, "1", "1", "8", "1"), exchange_time=at(0))
    market.lost(15, closed=18)
    market.alive(18)
    market.quoted((20, "1", "1", "9", "1"), (45.5, "1", "1", "9", "1"))
    row = only(market.ask(reports.quality, until=50))
    assert {name: row[name] for name in ("trades", "backfilled", "polled", "duplicates", "out_of_order")} == {
        "trades": 6,
        "backfilled": 1,
        "polled": 1,
        "duplicates": 1,
        "out_of_order": 1,
    }
    assert (row["missing"], row["trades_percent"]) == (2, "75")
    assert (row["gaps"], row["open_gaps"], row["wrong_times"]) == (3, 1, 1)
    assert row["book_live_percent"] == "90"  # 45 of 50 seconds
    assert row["stale_s"] == "15.5"  # 25.5 from 20 on, less 10
    assert (row["trades_latency_p50_us"], row["trades_latency_p99_us"]) == (100_000, 1_200_000)
    assert (row["book_latency_p50_us"], row["book_latency_p99_us"]) == (10_000_000, 10_000_000)


def test_an_instrument_of_gaps_alone_has_a_quality_too(market: Market) -> None:
    market.lost(6, stream="trades", missed=3)
    row = only(market.ask(reports.quality))
    assert (row["trades"], row["missing"], row["trades_percent"], row["gaps"]) == (0, 3, "0", 1)
    assert (row["stale_s"], row["book_live_percent"], row["trades_latency_p50_us"]) == (None, None, None)


def test_names_choose_instruments(market: Market) -> None:
    market.traded((0, "1", "1", "BUY"))
    market.of("okx", "ETH-USDT").traded((0, "1", "1", "BUY"))
    market.of("okx", "it's", "swap").traded((0, "1", "1", "BUY"))

    def chosen(**names: tuple[str, ...]) -> list[str]:
        return [row["instrument"] for row in market.ask(reports.summary, **names)["instruments"]]

    assert chosen(exchanges=("okx",)) == ["okx.spot.ETH-USDT", "okx.swap.it's"]
    assert chosen(exchanges=("okx", "binance"), markets=("spot",)) == [
        "binance.spot.BTC-USDT",
        "okx.spot.ETH-USDT",
    ]
    assert chosen(symbols=("it's",)) == ["okx.swap.it's"]
    assert chosen(symbols=("' OR 1 --",)) == []


@pytest.mark.parametrize(
    "report", [reports.summary, reports.trading, reports.spreads, reports.venues, reports.quality]
)
def test_of_nothing_nothing_is_said(market: Market, report: Any) -> None:
    found = market.ask(report)
    assert all(value == [] for value in found.values() if isinstance(value, list))
    assert found["since"] == "2026-01-05T10:00:00.000000Z"
