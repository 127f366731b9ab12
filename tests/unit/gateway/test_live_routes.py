"""Live state as REST answers it: in the documented forms, with its age, filtered."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from gateway import models
from gateway.context import Context
from gateway.event_models import aged_model, event_model
from schemas.catalogue import DERIVATIVES, SPREADS, TICKERS, TRADES
from tests.unit.gateway.material import (
    NOW,
    book,
    decimal,
    gap,
    gateway,
    get,
    listing,
    snapshot,
    spread,
    ticker,
    trade,
)

KEY = "binance.spot.BTC-USDT"


@pytest.fixture
def context() -> Context:
    found = gateway()
    live = found.live
    live.take("instruments", listing())
    live.take("instruments", listing("SOL-USDT"))
    live.take("spreads", spread(1))
    live.take("book_snapshots", snapshot(2))
    live.take("tickers", ticker(3, receive_time=NOW - 500_000))
    live.take("trades", trade(4, "100.7"))
    live.take("spreads", spread(5, symbol="ETH-USDT", origin="ticker", receive_time=NOW - 60_000_000))
    live.take(
        "derivatives",
        {
            **ticker(6, market="usdm"),
            "mark_price": decimal("100.1"),
            "index_price": None,
            "funding_rate": decimal("-0.0001"),
            "next_funding_time": NOW,
            "open_interest": None,
        },
    )
    return found


def data(context: Context, path: str, model: type[BaseModel] | None = None) -> Any:
    """What stands under ``data``; each item has the documented fields and no others."""
    answer = get(context, f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    if model is not None:
        for each in found if isinstance(found, list) else [found]:
            model.model_validate(each, strict=False)
    return found


def test_prices(context: Context) -> None:
    found = data(context, "prices", models.Price)
    assert [each["instrument"] for each in found] == [KEY, "binance.spot.ETH-USDT"]
    assert found[0] == {
        "instrument": KEY,
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "bid_price": "100",
        "bid_quantity": "1.5",
        "ask_price": "101",
        "ask_quantity": "2",
        "mid": "100.5",
        "spread": "1",
        "spread_bps": "99.502487562189054726",
        "last_price": "100.7",
        "state": "live",
        "origin": "book",
        "receive_time": "2026-01-05T10:00:00.000000Z",
        "receive_time_us": NOW,
        "age_ms": 0,
        "stale": False,
    }
    assert (found[1]["stale"], found[1]["age_ms"], found[1]["origin"]) == (True, 60_000, "ticker")


def test_a_lost_book_gives_way_to_what_the_exchange_says_itself(context: Context) -> None:
    context.live.take("gaps", gap(7, "g"))
    lost = data(context, "prices?symbol=BTC-USDT")[0]
    assert (lost["origin"], lost["state"], lost["stale"]) == ("book", "resyncing", True)
    context.live.take("spreads", spread(8, "99", origin="ticker", receive_time=NOW + 1))
    assert data(context, "prices?symbol=BTC-USDT")[0]["origin"] == "ticker"


def test_a_quiet_book_is_kept_fresh_by_its_snapshots(context: Context) -> None:
    context.live.take("spreads", spread(9, symbol="XRP-USDT", receive_time=NOW - 40_000_000))
    assert data(context, "prices?symbol=XRP-USDT")[0]["stale"]
    context.live.take("book_snapshots", snapshot(10, symbol="XRP-USDT", receive_time=NOW - 1_000_000))
    found = data(context, "prices?symbol=XRP-USDT")[0]
    assert (found["stale"], found["age_ms"]) == (False, 1000)


def test_a_side_that_is_empty_is_null(context: Context) -> None:
    context.live.take("spreads", spread(9, None, symbol="XRP-USDT", mid=None, spread=None, spread_bps=None))
    found = data(context, "prices?symbol=XRP-USDT", models.Price)[0]
    assert (found["bid_price"], found["bid_quantity"], found["mid"]) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("", ["BTC-USDT", "ETH-USDT"]),
        ("symbol=ETH-USDT", ["ETH-USDT"]),
        ("symbol=ETH-USDT,BTC-USDT,", ["BTC-USDT", "ETH-USDT"]),
        ("exchange=okx", []),
        ("market=spot&exchange=okx,binance", ["BTC-USDT", "ETH-USDT"]),
        ("market=usdm", []),
    ],
)
def test_lists_are_filtered(context: Context, query: str, symbols: list[str]) -> None:
    assert [each["symbol"] for each in data(context, f"prices?{query}")] == symbols


def test_too_many_names_are_refused(context: Context) -> None:
    answer = get(context, f"/api/v1/prices?symbol={','.join(map(str, range(1001)))}")
    assert answer.json()["error"]["field"] == "symbol"


def test_tickers_derivatives_and_spreads_are_events_with_their_age(context: Context) -> None:
    found = data(context, "tickers", aged_model(TICKERS))
    assert (found[0]["last_price"], found[0]["volume"], found[0]["age_ms"]) == ("100.4", None, 500)
    assert found[0]["event_id"] == "raw.binance.spot/3/00000000000000000003/000000"
    derivative = data(context, "derivatives", aged_model(DERIVATIVES))[0]
    assert (derivative["funding_rate"], derivative["next_funding_time_us"]) == ("-0.0001", NOW)
    spreads = data(context, "spreads", aged_model(SPREADS))
    assert [each["origin"] for each in spreads] == ["book", "ticker"]
    assert [each["symbol"] for each in data(context, "spreads?origin=ticker")] == ["ETH-USDT"]


def test_trades_of_all_are_newest_first(context: Context) -> None:
    for offset in range(10, 15):
        context.live.take("trades", trade(offset, symbol="ETH-USDT", receive_time=NOW + offset))
    found = data(context, "trades?limit=3", event_model(TRADES))
    assert [each["trade_id"] for each in found] == ["14", "13", "12"]
    assert [each["trade_id"] for each in data(context, "trades?symbol=BTC-USDT")] == ["4"]
    assert get(context, "/api/v1/trades").json()["next"] is None


def test_exchanges_are_counted(context: Context) -> None:
    found = data(context, "exchanges", models.Exchange)
    assert found == [
        {
            "exchange": "binance",
            "markets": [
                {"market": "spot", "instruments": 2, "live": 1, "collecting": 2},
                {"market": "usdm", "instruments": 0, "live": 1, "collecting": 1},
            ],
        }
    ]


def test_instruments_are_listed_searched_and_paged(context: Context) -> None:
    found = data(context, "instruments", models.Listed)
    assert [(each["instrument"], each["state"], each["tick_size"]) for each in found] == [
        (KEY, "live", "0.01"),
        ("binance.spot.ETH-USDT", None, None),
        ("binance.spot.SOL-USDT", None, "0.01"),
        ("binance.usdm.BTC-USDT", None, None),
    ]
    assert [each["symbol"] for each in data(context, "instruments?q=solus")] == ["SOL-USDT"]
    assert len(data(context, "instruments?seen=true")) == 3
    paged: list[str] = []
    cursor = ""
    while cursor is not None:
        page = get(context, f"/api/v1/instruments?limit=1&cursor={cursor}").json()
        paged += [each["instrument"] for each in page["data"]]
        cursor = page["next"]
    assert paged == [each["instrument"] for each in found]


def test_an_instrument_that_is_unlisted_says_so(context: Context) -> None:
    context.live.take("instruments", listing("SOL-USDT", listed=False))
    assert data(context, "instruments?q=sol")[0]["status"] == "unlisted"


def test_book_stats_are_exact(context: Context) -> None:
    context.live.take(
        "book_snapshots",
        snapshot(
            20,
            book(("100", "1"), ("99.96", "2"), ("99.6", "4"), ("90", "8")),
            book(("100.1", "3"), ("100.5", "1"), ("110", "8")),
        ),
    )
    found = data(context, "orderbook/stats", models.BookStats)[0]
    assert found == {
        "instrument": KEY,
        "levels_bid": 4,
        "levels_ask": 3,
        "bid_volume": "15",
        "ask_volume": "12",
        "imbalance": "0.111111111111111111",
        "mid": "100.05",
        "spread_bps": "9.995002498750624688",
        "depth_10bps_bid": "299.92",
        "depth_10bps_ask": "300.3",
        "depth_50bps_bid": "698.32",
        "depth_50bps_ask": "400.8",
        "updates_per_s": 0.0,
    }


def test_book_stats_do_not_read_what_is_far_away(context: Context) -> None:
    deep = book(*((f"{100 - number / 1000:.3f}", "1") for number in range(2000)))
    context.live.take("book_snapshots", snapshot(20, deep, book(("100.001", "1"))))
    found = data(context, "orderbook/stats")[0]
    assert (found["levels_bid"], found["bid_volume"]) == (2000, "20")
    # Down to 99.50049750: 500 levels of 1, of 100.000, 99.999 … 99.501.
    assert found["depth_50bps_bid"] == "49875.25"


def test_book_stats_of_an_empty_side(context: Context) -> None:
    context.live.take("book_snapshots", snapshot(20, ([], []), ([], []), spread=None, spread_bps=None))
    found = data(context, "orderbook/stats", models.BookStats)[0]
    assert (found["bid_volume"], found["imbalance"], found["mid"], found["depth_10bps_bid"]) == (
        "0",
        None,
        None,
        None,
    )


def test_book_health_says_what_is_lost(context: Context) -> None:
    assert data(context, "orderbook/health", models.BookHealth) == [
        {
            "instrument": KEY,
            "state": "live",
            "crossed": False,
            "age_ms": 0,
            "stale": False,
            "open_gaps": 0,
            "last_gap": None,
            "resyncs": 0,
        }
    ]
    context.live.take("gaps", gap(7, "g"))
    context.live.take("spreads", spread(6, "102", "101"))
    found = data(context, "orderbook/health", models.BookHealth)[0]
    assert (found["state"], found["stale"], found["open_gaps"], found["crossed"]) == (
        "resyncing",
        True,
        1,
        True,
    )
    assert (found["last_gap"]["gap"], found["last_gap"]["closed_time_us"]) == ("g", None)


def test_a_snapshot_comes_from_memory(context: Context) -> None:
    found = data(context, "orderbook/binance/spot/BTC-USDT/snapshot?depth=1", models.BookView)
    assert (found["bids"], found["asks"]) == ([["100", "1.5"]], [["101", "2"]])
    assert found["depth"] == {"bids": 2, "asks": 2, "source": "book_snapshots"}
    assert (found["mid"], found["spread"], found["epoch"], found["seq"]) == ("100.5", "1", None, None)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("binance/spot/BTC-USD/snapshot", 404, "unknown_instrument"),
        ("okx/spot/BTC-USDT/snapshot", 404, "unknown_exchange"),
        ("binance/spot/ETH-USDT/snapshot", 404, "not_ready"),
        ("binance/spot/BTC-USDT/snapshot?depth=0", 400, "bad_request"),
        ("binance/spot/BTC-USDT/snapshot?at=soon", 400, "bad_request"),
        ("binance/spot/BTC-USDT/snapshot?at=15m", 503, "unavailable"),
        ("binance/spot/BTC-USDT/snapshot?cached=false", 503, "unavailable"),
    ],
)
def test_a_snapshot_that_is_not_there(context: Context, path: str, status: int, code: str) -> None:
    answer = get(context, f"/api/v1/orderbook/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_consolidated_has_the_live_books_behind_it(context: Context) -> None:
    context.live.take("spreads", spread(30, "99", "100.5", exchange="okx"))
    context.live.take("spreads", spread(31, "150", "151", exchange="stale", receive_time=NOW - 60_000_000))
    context.live.take("spreads", spread(32, "160", "161", exchange="okx", market="swap"))
    best = {name: spread(33)[name] for name in ("mid", "spread", "spread_bps", "receive_time")}
    context.live.take(
        "consolidated",
        {
            "symbol": "BTC-USDT",
            "kind": "spot",
            **{
                f"{side}_{what}": None
                for side in ("bid", "ask")
                for what in ("exchange", "market", "quantity")
            },
            "bid_price": decimal("100"),
            "ask_price": decimal("100.5"),
            "cross_bps": decimal("-49.8"),
            "venues": 2,
            **best,
            "source_topic": "tops",
            "source_partition": 0,
            "source_offset": 1,
            "source_index": 0,
        },
    )
    for path in ("consolidated", "consolidated/BTC-USDT", "consolidated?symbol=BTC-USDT"):
        found = data(context, path, models.Consolidated)[0]
        assert (found["bid_price"], found["kind"], found["cross_bps"]) == ("100", "spot", "-49.8")
        assert [(each["exchange"], each["bid_price"]) for each in found["venues"]] == [
            ("binance", "100"),
            ("okx", "99"),
        ]
    assert get(context, "/api/v1/consolidated/BTC-USD").json()["error"]["hint"] == "Did you mean BTC-USDT?"
