"""What Binance's REST tells beside books: trades, bars, the day, contracts; true to what flowed on the sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from simulator import binance
from simulator.faults import RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.web import Request, Response

MARKETS = {
    "spot": (binance.spot, "/api/v3", "BTCUSDT"),
    "usdm": (binance.usdm, "/fapi/v1", "BTCUSDT"),
    "coinm": (binance.coinm, "/dapi/v1", "BTCUSD_PERP"),
}
START_MS = 1_700_000_040_000


class Exchange:
    """A market that ran for a minute and a half."""

    def __init__(self, market: str, *, seconds: int = 90) -> None:
        make, self.prefix, self.symbol = MARKETS[market]
        self.dialect = make()
        self.live = LiveMarket(
            [self.dialect.instrument(symbol) for symbol in self.dialect.default_symbols],
            self.dialect,
            Hub(),
            rate=300,
            seed=1,
        )
        for number in range(seconds * 100):
            self.live.tick(START_MS + 10 * number)

    def call(self, name: str, *, key: str = "", **query: Any) -> Response:
        texts = {key: str(value) for key, value in query.items()}
        headers = {"x-mbx-apikey": key} if key else {}
        request = Request("GET", f"{self.prefix}/{name}", texts, b"", "here", headers)
        return asyncio.run(self.dialect.answer(request, self.live.books, RestFaults()))

    def ask(self, name: str, **query: Any) -> Any:
        response = self.call(name, symbol=self.symbol, **query)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def weight(self, name: str, **query: Any) -> int:
        before = self.dialect.rest_counts()["weight"]
        self.call(name, **query)
        return self.dialect.rest_counts()["weight"] - before


@pytest.mark.parametrize("market", MARKETS)
def test_trades_are_the_latest_oldest_first(market: str) -> None:
    exchange = Exchange(market)
    trades = exchange.ask("trades", limit=50)
    ids = [trade["id"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 50))
    assert trades[-1]["time"] <= START_MS + 90_000
    for trade in trades:
        price, quantity = Decimal(trade["price"]), Decimal(trade["qty"])
        if market == "coinm":
            assert abs(Decimal(trade["baseQty"]) - quantity * 100 / price) < Decimal("0.00000002")
        else:
            assert Decimal(trade["quoteQty"]) == price * quantity
    truth = exchange.live.books[exchange.symbol].truth()
    assert len(exchange.ask("trades", limit=1000)) == min(1000, truth.trades)


def test_spots_trades_can_be_asked_from_an_id() -> None:
    exchange = Exchange("spot")
    latest = exchange.ask("trades", limit=100)
    assert exchange.ask("historicalTrades", fromId=latest[10]["id"], limit=20) == latest[10:30]


def test_usdms_trades_can_be_asked_from_an_id_by_those_who_have_a_key() -> None:
    exchange = Exchange("usdm")
    latest = exchange.ask("trades", limit=1000)
    refused = exchange.call("historicalTrades", symbol="BTCUSDT")
    assert (refused.status, json.loads(refused.body)["code"]) == (401, -2014)
    assert exchange.weight("historicalTrades", key="k", symbol="BTCUSDT") == 200
    asked = exchange.call("historicalTrades", key="k", symbol="BTCUSDT", fromId=latest[10]["id"], limit=1000)
    assert json.loads(asked.body) == latest[10:510]


def test_ten_thousand_trades_are_remembered() -> None:
    exchange = Exchange("spot", seconds=1)
    feed = exchange.dialect.feed(exchange.dialect.instrument("BTC-USDT"), Hub())
    for number in range(10_001):
        feed.trade(number, 1, 1, seller_aggressed=False)
    assert [feed.history.fills[0].trade_id, feed.history.fills[-1].trade_id] == [1, 10_000]


@pytest.mark.parametrize("market", MARKETS)
def test_aggregated_trades_by_id_and_by_time(market: str) -> None:
    exchange = Exchange(market)
    latest = exchange.ask("aggTrades", limit=200)
    assert all(after["f"] == before["l"] + 1 for before, after in itertools.pairwise(latest))
    assert exchange.ask("aggTrades", fromId=latest[50]["a"], limit=10) == latest[50:60]
    start, end = latest[50]["T"], latest[80]["T"]
    asked = exchange.ask("aggTrades", startTime=start, endTime=end, limit=1000)
    assert asked == [trade for trade in latest if start <= trade["T"] <= end]
    assert ("M" in latest[0], "nq" in latest[0]) == (market == "spot", market == "usdm")


@pytest.mark.parametrize("market", MARKETS)
def test_bars_have_twelve_elements_and_longer_ones_sum_up_minutes(market: str) -> None:
    exchange = Exchange(market, seconds=400)
    minutes = exchange.ask("klines", interval="1m")
    assert [bar[0] for bar in minutes] == [START_MS + 60_000 * number for number in range(7)]
    assert all(len(bar) == 12 and bar[6] == bar[0] + 59_999 for bar in minutes)
    before, first, after = exchange.ask("klines", interval="5m")
    inside = [bar for bar in minutes if first[0] <= bar[0] <= first[6]]
    # Five minutes begin with the clock's, one of which was left when the market opened.
    assert (before[8], len(inside), after[8]) == (minutes[0][8], 5, minutes[-1][8])
    assert (first[1], first[4]) == (inside[0][1], inside[-1][4])
    assert Decimal(first[2]) == max(Decimal(bar[2]) for bar in inside)
    assert Decimal(first[3]) == min(Decimal(bar[3]) for bar in inside)
    for column in (5, 7, 8, 9, 10):
        assert Decimal(first[column]) == sum(Decimal(bar[column]) for bar in inside)
    assert exchange.ask("klines", interval="1m", limit=2) == minutes[-2:]
    assert exchange.ask("klines", interval="1m", startTime=minutes[1][0], limit=2) == minutes[1:3]
    assert exchange.ask("klines", interval="1m", endTime=minutes[2][0]) == minutes[:3]
    (day,) = exchange.ask("klines", interval="1d")
    assert day[8] == sum(bar[8] for bar in minutes)


@pytest.mark.parametrize("market", MARKETS)
def test_the_day_agrees_with_the_bars(market: str) -> None:
    exchange = Exchange(market)
    answer = exchange.ask("ticker/24hr")
    day = answer[0] if market == "coinm" else answer
    minutes = exchange.ask("klines", interval="1m")
    assert Decimal(day["volume"]) == sum(Decimal(bar[5]) for bar in minutes)
    worth = Decimal(day["baseVolume" if market == "coinm" else "quoteVolume"])
    assert worth == sum(Decimal(bar[7]) for bar in minutes)
    assert day["count"] == sum(bar[8] for bar in minutes) == day["lastId"] - day["firstId"] + 1
    assert (day["openPrice"], day["lastPrice"]) == (minutes[0][1], minutes[-1][4])
    assert ("bidPrice" in day, "pair" in day) == (market == "spot", market == "coinm")
    everything = json.loads(exchange.call("ticker/24hr").body)
    assert len(everything) == 3


def test_several_instruments_can_be_named_on_spot() -> None:
    exchange = Exchange("spot", seconds=2)
    response = exchange.call("ticker/24hr", symbols='["ETHUSDT","BTCUSDT"]')
    assert [day["symbol"] for day in json.loads(response.body)] == ["ETHUSDT", "BTCUSDT"]
    assert json.loads(exchange.call("ticker/24hr", symbols='["NO"]').body)["code"] == -1121
    assert json.loads(exchange.call("ticker/24hr", symbols="NO").body)["code"] == -1100


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_contracts_tell_open_interest_and_funding(market: str) -> None:
    exchange = Exchange(market)
    interest = exchange.ask("openInterest")
    assert interest["symbol"] == exchange.symbol
    assert Decimal(interest["openInterest"]) > 0
    assert interest.get("contractType") == ("PERPETUAL" if market == "coinm" else None)
    answer = exchange.ask("premiumIndex")
    index = answer[0] if market == "coinm" else answer
    assert abs(Decimal(index["markPrice"]) / Decimal(index["indexPrice"]) - 1) < Decimal("0.001")
    assert Decimal(index["lastFundingRate"]) != 0


def test_coinm_lists_contracts_of_100_and_10_dollars() -> None:
    exchange = Exchange("coinm", seconds=0)
    symbols = {each["symbol"]: each for each in json.loads(exchange.call("exchangeInfo").body)["symbols"]}
    assert {name: each["contractSize"] for name, each in symbols.items()} == {
        "BTCUSD_PERP": 100,
        "ETHUSD_PERP": 10,
        "SOLUSD_PERP": 10,
    }
    bitcoin = symbols["BTCUSD_PERP"]
    assert (bitcoin["contractStatus"], bitcoin["marginAsset"], bitcoin["pair"]) == (
        "TRADING",
        "BTC",
        "BTCUSD",
    )
    steps = {each["filterType"]: each for each in bitcoin["filters"]}
    assert (steps["PRICE_FILTER"]["tickSize"], steps["LOT_SIZE"]["stepSize"]) == ("0.1", "1")


def test_a_contract_with_a_date_is_listed_with_it() -> None:
    dialect = binance.usdm()
    live = LiveMarket([dialect.instrument("BTC-USDT-261225")], dialect, Hub(), rate=10, seed=1)
    request = Request("GET", "/fapi/v1/exchangeInfo", {}, b"", "here")
    answer = json.loads(asyncio.run(dialect.answer(request, live.books, RestFaults())).body)
    (contract,) = answer["symbols"]
    assert (contract["symbol"], contract["pair"]) == ("BTCUSDT_261225", "BTCUSDT")
    assert (contract["contractType"], contract["deliveryDate"]) == ("CURRENT_QUARTER", 1_798_185_600_000)


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("trades", {}, -1102),
        ("trades", {"symbol": "NO"}, -1121),
        ("trades", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("trades", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": "-1"}, -1100),
    ],
)
def test_bad_parameters_are_refused_and_cost_nothing(name: str, query: dict[str, Any], code: int) -> None:
    exchange = Exchange("spot", seconds=1)
    assert exchange.weight(name, **query) == 0
    response = exchange.call(name, **query)
    assert (response.status, json.loads(response.body)["code"]) == (400, code)


@pytest.mark.parametrize(
    ("market", "name", "query", "weight"),
    [
        ("spot", "trades", {}, 25),
        ("spot", "aggTrades", {}, 4),
        ("spot", "klines", {"interval": "1m"}, 2),
        ("spot", "ticker/24hr", {}, 2),
        ("usdm", "trades", {}, 5),
        ("usdm", "aggTrades", {}, 20),
        ("usdm", "klines", {"interval": "1m", "limit": 99}, 1),
        ("usdm", "klines", {"interval": "1m", "limit": 1500}, 10),
        ("usdm", "openInterest", {}, 1),
        ("coinm", "depth", {"limit": 1000}, 20),
        ("coinm", "premiumIndex", {}, 10),
    ],
)
def test_calls_cost_what_is_documented(market: str, name: str, query: dict[str, Any], weight: int) -> None:
    exchange = Exchange(market, seconds=1)
    assert exchange.weight(name, symbol=exchange.symbol, **query) == weight


def test_asking_about_all_costs_more() -> None:
    assert Exchange("spot", seconds=1).weight("ticker/24hr") == 80
    assert Exchange("usdm", seconds=1).weight("ticker/24hr") == 40


def test_before_the_market_opens_there_are_no_trades_and_no_bars() -> None:
    exchange = Exchange("spot", seconds=0)
    assert exchange.ask("trades") == exchange.ask("klines", interval="1m") == []
    day = exchange.ask("ticker/24hr")
    assert (day["count"], day["lastPrice"], day["openPrice"]) == (0, "61800.00000000", "61800.00000000")
