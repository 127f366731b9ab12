"""Binance's tickers, bars, mark prices and liquidations: true to the trades, there for subscribers only, in the market's own form."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator import binance
from simulator.binance import BinanceDialect
from simulator.dialect import HandshakeRefusedError
from simulator.hub import Hub
from simulator.live import LiveMarket

MARKETS = {"spot": binance.spot, "usdm": binance.usdm, "coinm": binance.coinm}
START_MS = 1_700_000_039_000  # a second before a minute's begin


class Tape:
    """A subscriber that writes everything down."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def queue(self, envelope: bytes, data_start: int) -> None:  # noqa: ARG002  all is kept combined
        self.frames.append(envelope)

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def by_stream(self) -> dict[str, list[dict[str, Any]]]:
        streams = defaultdict(list)
        for frame in self.frames:
            message = json.loads(frame)
            streams[message["stream"]].append(message["data"])
        return streams


class Played:
    """A market that was played for some seconds with one subscriber to all, or to what is named."""

    def __init__(self, market: str, *, seconds: int, kinds: tuple[str, ...] = (), rate: float = 400) -> None:
        self.hub = Hub()
        self.dialect: BinanceDialect = MARKETS[market]()
        instruments = [self.dialect.instrument(symbol) for symbol in self.dialect.default_symbols]
        self.live = LiveMarket(instruments, self.dialect, self.hub, rate=rate, seed=1)
        self.wire = self.dialect.wire(self.dialect.default_symbols[0])
        self.stream = self.wire.lower()
        self.tape = Tape()
        self._now_ms = START_MS
        for name in self.hub.channels:
            if not kinds or name.partition("@")[2] in kinds:
                self.hub.subscribe(self.tape, name)
        self.play(seconds)

    def play(self, seconds: int) -> None:
        for _ in range(seconds * 100):
            self.live.tick(self._now_ms)
            self._now_ms += 10

    def frames(self, kind: str) -> list[dict[str, Any]]:
        return self.tape.by_stream()[f"{self.stream}@{kind}"]


@pytest.mark.parametrize(
    "market", [one if one == "spot" else pytest.param(one, marks=pytest.mark.slow) for one in MARKETS]
)
def test_bars_are_made_of_the_trades_of_their_minute(market: str) -> None:
    played = Played(market, seconds=130)
    trades = played.frames("trade")
    closed = [frame["k"] for frame in played.frames("kline_1m") if frame["k"]["x"]]
    # The second before the first whole minute is a bar, too.
    assert [bar["t"] for bar in closed] == [1_699_999_980_000, 1_700_000_040_000, 1_700_000_100_000]
    for bar in closed[1:]:
        inside = [trade for trade in trades if bar["t"] <= trade["T"] <= bar["T"]]
        prices = [Decimal(trade["p"]) for trade in inside]
        assert (bar["n"], bar["f"], bar["L"]) == (len(inside), inside[0]["t"], inside[-1]["t"])
        assert Decimal(bar["v"]) == sum(Decimal(trade["q"]) for trade in inside)
        bought = sum(Decimal(trade["q"]) for trade in inside if not trade["m"])
        assert Decimal(bar["V"]) == bought
        assert Decimal(bar["c"]) == prices[-1]
        assert Decimal(bar["h"]) == max(*prices, Decimal(bar["o"]))
        assert Decimal(bar["l"]) == min(*prices, Decimal(bar["o"]))
        if market == "coinm":
            worth = sum(Decimal(trade["q"]) * 100 / Decimal(trade["p"]) for trade in inside)
            assert 0 <= worth - Decimal(bar["q"]) < len(inside) * Decimal("0.00000001")  # each rounded down
        else:
            assert Decimal(bar["q"]) == sum(Decimal(trade["q"]) * Decimal(trade["p"]) for trade in inside)


def test_a_bar_is_told_while_it_trades_and_at_its_end() -> None:
    played = Played("spot", seconds=61, rate=3)
    bars = [frame["k"] for frame in played.frames("kline_1m")]
    running = [bar for bar in bars if not bar["x"] and bar["t"] == 1_700_000_040_000]
    assert 0 < len(running) < 59  # not in seconds without a trade
    assert len({bar["n"] for bar in running}) == len(running)
    # One that traded nothing is told at its end all the same, at the last price and without ids.
    silent = Played("spot", seconds=1, rate=0.001)
    silent.play(61)
    last = [frame["k"] for frame in silent.frames("kline_1m")][-1]
    assert (last["x"], last["n"], last["f"], last["L"], last["v"]) == (True, 0, -1, -1, "0.00000000")
    assert last["o"] == last["c"] == "61800.00000000"


@pytest.mark.parametrize("market", MARKETS)
def test_a_ticker_sums_up_the_trades_before_it(market: str) -> None:
    played = Played(market, seconds=20)
    tickers, trades = played.frames("ticker"), played.frames("trade")
    assert len(tickers) == 19
    ticker = tickers[-1]
    before = [trade for trade in trades if trade["T"] < ticker["E"]]
    assert (ticker["n"], ticker["L"], ticker["F"]) == (len(before), before[-1]["t"], before[0]["t"])
    assert Decimal(ticker["c"]) == Decimal(before[-1]["p"])
    assert Decimal(ticker["v"]) == sum(Decimal(trade["q"]) for trade in before)
    assert Decimal(ticker["p"]) == Decimal(ticker["c"]) - Decimal(ticker["o"])
    assert ticker["C"] - ticker["O"] == 86_400_000
    assert {"b", "B", "a", "A", "x"} & ticker.keys() == (
        {"b", "B", "a", "A", "x"} if market == "spot" else set()
    )
    if market == "spot":
        assert Decimal(ticker["b"]) < Decimal(ticker["a"])


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_mark_prices_tell_index_and_funding(market: str) -> None:
    played = Played(market, seconds=20)
    marks = played.frames("markPrice@1s")
    assert len(marks) == 19
    for mark in marks:
        assert abs(Decimal(mark["p"]) / Decimal(mark["i"]) - 1) <= Decimal("0.0005")
        assert abs(Decimal(mark["ap"]) / Decimal(mark["i"]) - 1) <= Decimal("0.0005")
        assert abs(Decimal(mark["r"])) <= Decimal("0.0006")
        assert mark["T"] % 28_800_000 == 0
        assert 0 < mark["T"] - mark["E"] <= 28_800_000
    assert len({mark["r"] for mark in marks}) > 10


def test_a_contract_with_a_date_pays_no_funding() -> None:
    hub, dialect = Hub(), binance.coinm()
    live = LiveMarket([dialect.instrument("BTC-USD-261225")], dialect, hub, rate=10, seed=1)
    tape = Tape()
    hub.subscribe(tape, "btcusd_261225@markPrice@1s")
    for number in range(200):
        live.tick(START_MS + 10 * number)
    (mark,) = tape.by_stream()["btcusd_261225@markPrice@1s"]
    assert (mark["s"], mark["r"], mark["T"]) == ("BTCUSD_261225", "", 0)


@pytest.mark.slow
def test_positions_are_liquidated_now_and_then_the_same_in_every_run() -> None:
    first, again = (Played("usdm", seconds=120).frames("forceOrder") for _ in range(2))
    assert first == again
    assert 0 < len(first) < 30
    for order in (frame["o"] for frame in first):
        assert order["S"] in {"BUY", "SELL"}
        # The order may trade worse than it does.
        worse = Decimal(order["p"]) < Decimal(order["ap"])
        assert worse == (order["S"] == "SELL")
        assert order["q"] == order["l"] == order["z"]


def test_a_liquidation_comes_when_a_test_wants_one() -> None:
    played = Played("coinm", seconds=2, kinds=("forceOrder",))
    played.tape.frames.clear()
    played.hub.feeds[played.wire].scenario("liquidate", side="BUY", lots=77)
    played.play(1)
    (frame,) = played.frames("forceOrder")
    assert (frame["o"]["S"], frame["o"]["q"], frame["o"]["ps"]) == ("BUY", "77", "BTCUSD")
    spot = Played("spot", seconds=1)
    with pytest.raises(ConfigurationError, match="on futures"):
        spot.hub.feeds[spot.wire].scenario("liquidate")


@pytest.mark.parametrize("market", MARKETS)
def test_what_comes_once_a_second_changes_nothing_else(market: str) -> None:
    usual = ("trade", "aggTrade", "bookTicker", "depth@100ms")
    alone = Played(market, seconds=5, kinds=usual)
    both = Played(market, seconds=5)
    beside = [frame for frame in both.tape.frames if json.loads(frame)["stream"].partition("@")[2] in usual]
    assert beside == alone.tape.frames
    counts = alone.hub.counts()
    for kind in ("ticker", "kline_1m", "markPrice@1s", "forceOrder"):
        name = f"{alone.stream}@{kind}"
        if name in counts:
            assert counts[name] == {"published": 0, "sent": 0, "unsent": 0}


def test_a_level_that_never_was_can_be_deleted() -> None:
    played = Played("usdm", seconds=1)
    played.tape.frames.clear()
    played.hub.feeds[played.wire].scenario("delete_unknown_level")
    played.play(1)
    first, second = played.frames("depth@100ms")[:2]
    assert ["0.01", "0.00000"] in first["b"]
    assert ["0.01", "0.00000"] not in second["b"]


def test_frames_can_be_those_of_before_2026() -> None:
    played = Played("usdm", seconds=1)
    played.tape.frames.clear()
    played.hub.feeds[played.wire].scenario("old_fields")
    played.play(2)
    for frames in (
        frames for name, frames in played.tape.by_stream().items() if name.startswith(played.stream)
    ):
        assert all(not frame.keys() & {"st", "ps", "nq", "ap"} for frame in frames)
    other = played.tape.by_stream()["ethusdt@aggTrade"]
    assert all({"st", "nq"} <= frame.keys() for frame in other)


@pytest.mark.parametrize(
    ("target", "flowing"),
    [
        ("/public/ws", set()),
        ("/market/ws", {"ticker", "kline_1m", "markPrice@1s", "forceOrder"}),
    ],
)
def test_usdm_delivers_them_on_the_market_route(target: str, flowing: set[str]) -> None:
    played = Played("usdm", seconds=0)
    client = Tape()
    session = played.dialect.open(target, client, played.hub)
    kinds = ("ticker", "kline_1m", "markPrice@1s", "forceOrder")
    names = [f"{played.stream}@{kind}" for kind in kinds]
    session.receive(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}).encode())
    assert {
        kind for kind in kinds if client in played.hub.channels[f"{played.stream}@{kind}"].subscribers
    } == flowing


def test_coinm_has_one_route_for_all() -> None:
    played = Played("coinm", seconds=0)
    client = Tape()
    played.dialect.open(
        "/stream?streams=btcusd_perp@markPrice@1s/btcusd_perp@depth@100ms", client, played.hub
    )
    assert client in played.hub.channels["btcusd_perp@markPrice@1s"].subscribers
    assert client in played.hub.channels["btcusd_perp@depth@100ms"].subscribers
    with pytest.raises(HandshakeRefusedError):
        played.dialect.open("/public/stream", client, played.hub)


@pytest.mark.parametrize(
    ("market", "symbol", "wire"),
    [
        ("spot", "BTC-USDT", "BTCUSDT"),
        ("usdm", "BTC-USDT-261225", "BTCUSDT_261225"),
        ("coinm", "ETH-USD", "ETHUSD_PERP"),
        ("coinm", "BTC-USD-261225", "BTCUSD_261225"),
    ],
)
def test_symbols_are_written_as_on_the_market(market: str, symbol: str, wire: str) -> None:
    assert MARKETS[market]().wire(symbol) == wire


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("spot", "BTC-USDT-261225"),
        ("coinm", "BTC-USDT"),
        ("usdm", "BTC-USDT-261225-90000-C"),
        ("usdm", "BTC"),
    ],
)
def test_symbols_that_a_market_cannot_list_are_refused(market: str, symbol: str) -> None:
    with pytest.raises(ConfigurationError):
        MARKETS[market]().instrument(symbol)


def test_coinm_counts_contracts_and_says_which_product_it_is() -> None:
    played = Played("coinm", seconds=2)
    depth, best, trade = (played.frames(kind)[-1] for kind in ("depth@100ms", "bookTicker", "aggTrade"))
    assert all((frame["s"], frame["st"]) == ("BTCUSD_PERP", 2) for frame in (depth, best, trade))
    assert depth["ps"] == best["ps"] == "BTCUSD"
    assert all(quantity.isdigit() for _, quantity in depth["b"] + depth["a"])
    assert "nq" not in trade
