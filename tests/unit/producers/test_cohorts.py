"""A market whose instruments come and go while it runs, on a simulated exchange: nobody's frames are lost, few connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bookmill.settings import MarketSettings, ProducerSettings
from producers import cohorts
from simulator.simulated_market import MarketConfig
from simulator.simulator import Simulator, SimulatorConfig
from tests.unit.producers.fakes import until
from tests.unit.producers.polled_market import Collected, collecting
from venues.registry import venue

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT", "DOGE-USDT", "LTC-USDT")
FAST = ProducerSettings(backoff_initial_s=0.05, backoff_max_s=0.2, poll_after_s=None, rotate_overlap_s=1.0)
LONG_S = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of settling are not what is tested."""
    monkeypatch.setattr(cohorts, "_GATHER_S", 0.05)
    monkeypatch.setattr(cohorts, "_SETTLE_S", 0.3)


def run(test: Callable[[Simulator, Collected], Awaitable[None]], **more: Any) -> None:
    async def inside() -> None:
        config = MarketConfig(symbols=SYMBOLS, rate=300)
        async with Simulator(SimulatorConfig("binance", {"spot": config})) as simulator:
            address = simulator.addresses["spot"]
            chosen = MarketSettings(
                symbols=(),
                channels=("book", "trades"),
                websocket_url=address["websocket"],
                rest_url=address["rest"],
                **more,
            )
            async with collecting(venue("binance", "spot"), chosen, FAST, shared=True) as collected:
                await test(simulator, collected)

    asyncio.run(asyncio.wait_for(inside(), 90))


def trades(collected: Collected, wire_symbol: str) -> list[int]:
    """Raw trade ids of an instrument, in the order they were written."""
    return [
        json.loads(value or b"")["data"]["t"]
        for _, key, value, headers in collected.writer.records
        if key == wire_symbol.encode()
        and tuple(map(dict(headers).get, ("kind", "channel"))) == (b"ws", b"trade")
    ]


def whole(numbers: list[int]) -> bool:
    """Each once, none missing, in order."""
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def flowing(collected: Collected) -> set[str]:
    """Wire symbols of the streams of the market's lines."""
    return {stream.route.wire_symbol for stream in collected.market.streams}


def connections(simulator: Simulator) -> int:
    return int(simulator.counts()["spot"]["connections"]["open"])


def test_instruments_come_and_go_and_the_others_lose_no_frame() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        await until(market.learned.is_set, LONG_S)
        assert (market.state, market.health()) == ("idle", {})
        for symbol in SYMBOLS[:3]:
            market.want(symbol)
        await until(lambda: all(market.delivers(symbol) for symbol in SYMBOLS[:3]), LONG_S)
        assert len(market.lines) == 1
        market.want("XRP-USDT", ("trades",))
        await until(lambda: market.delivers("XRP-USDT"), LONG_S)
        assert len(market.lines) == 2

        market.drop("BTC-USDT")
        gone = len(trades(collected, "BTCUSDT"))
        await until(lambda: "BTCUSDT" not in flowing(collected), LONG_S)
        await until(lambda: market.delivers("ETH-USDT") and market.delivers("SOL-USDT"), LONG_S)
        await until(lambda: connections(simulator) == 2, LONG_S)
        seen = len(trades(collected, "ETHUSDT"))
        await until(lambda: len(trades(collected, "ETHUSDT")) > seen + 10, LONG_S)
        assert len(trades(collected, "BTCUSDT")) == gone
        for wire_symbol in ("ETHUSDT", "SOLUSDT", "XRPUSDT"):
            assert whole(trades(collected, wire_symbol)), wire_symbol
        collected.read()
        books = collected.partition.instruments
        assert [books[f"{name}USDT".encode()].book.synchronizer.counters.gaps for name in ("ETH", "SOL")] == [
            0,
            0,
        ]
        assert collected.dead_letters == []

        market.drop("XRP-USDT")
        await until(lambda: connections(simulator) == 1, LONG_S)
        past = market.cohorts.past
        assert (past["opened"], past["lost"]) == (2, 0)
        assert past["frames"] > gone

    run(test)


def test_other_channels_of_one_instrument_leave_its_neighbour_alone() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        market.want("BTC-USDT")
        market.want("ETH-USDT")
        await until(lambda: market.delivers("BTC-USDT") and market.delivers("ETH-USDT"), LONG_S)
        market.want("BTC-USDT", ("trades", "ticker"))
        await until(lambda: market.delivers("BTC-USDT"), LONG_S)
        await until(lambda: connections(simulator) == 2, LONG_S)
        channels = {stream.route for stream in market.streams}
        assert channels == {
            ("trade", "BTCUSDT"),
            ("ticker", "BTCUSDT"),
            ("trade", "ETHUSDT"),
            ("depth", "ETHUSDT"),
        }
        for wire_symbol in ("BTCUSDT", "ETHUSDT"):
            assert whole(trades(collected, wire_symbol))

    run(test)


def test_what_is_dropped_and_wanted_again_at_once_flows_again() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        market.want("BTC-USDT")
        market.want("ETH-USDT")
        await until(lambda: market.delivers("BTC-USDT") and market.delivers("ETH-USDT"), LONG_S)
        market.drop("BTC-USDT")
        market.want("BTC-USDT")
        assert not market.delivers("BTC-USDT")
        await until(lambda: market.delivers("BTC-USDT") and market.delivers("ETH-USDT"), LONG_S)
        seen = len(trades(collected, "BTCUSDT"))
        await until(lambda: len(trades(collected, "BTCUSDT")) > seen + 5, LONG_S)
        await until(lambda: connections(simulator) == 2, LONG_S)
        numbers = trades(collected, "BTCUSDT")
        assert numbers == sorted(set(numbers))
        assert whole(trades(collected, "ETHUSDT"))

    run(test)


def test_many_small_cohorts_become_one() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        await until(market.learned.is_set, LONG_S)
        for symbol in SYMBOLS:
            market.want(symbol)
            await until(lambda symbol=symbol: market.delivers(symbol), LONG_S)
        await until(lambda: len(market.lines) <= 4 and connections(simulator) == len(market.lines), LONG_S)
        await until(lambda: all(market.delivers(symbol) for symbol in SYMBOLS), LONG_S)
        for symbol in SYMBOLS:
            assert whole(trades(collected, symbol.replace("-", ""))), symbol
        assert market.cohorts.replacements >= 1
        assert collected.dead_letters == []

    run(test)


def test_a_successor_waits_for_an_exchange_that_is_away_and_the_old_line_goes_on() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        market.want("BTC-USDT")
        market.want("ETH-USDT")
        await until(lambda: market.delivers("BTC-USDT") and market.delivers("ETH-USDT"), LONG_S)
        faults = simulator.faults("spot")
        faults.refuse_connections()
        market.drop("BTC-USDT")
        await until(lambda: market.cohorts.replacements == 1, LONG_S)
        await until(lambda: market.lines[0].counts.failures >= 2, LONG_S)
        seen = len(trades(collected, "ETHUSDT"))
        await until(lambda: len(trades(collected, "ETHUSDT")) > seen + 10, LONG_S)
        assert not market.delivers("ETH-USDT")
        faults.refuse_connections(refuse=False)
        await until(lambda: market.delivers("ETH-USDT") and connections(simulator) == 1, LONG_S)
        assert whole(trades(collected, "ETHUSDT"))

    run(test)


def test_why_an_instrument_cannot_be_collected_is_one_sentence() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        market = collected.market
        assert market.refusal("BTC-USTD") == ""  # nobody knows yet
        await until(market.learned.is_set, LONG_S)
        assert market.refusal("BTC-USDT") == ""
        assert (
            market.refusal("BTC-USTD")
            == "binance.spot has no instrument 'BTC-USTD'. Did you mean 'BTC-USDT'?"
        )
        assert market.refusal("BTCUSDT") == "binance.spot calls 'BTCUSDT' BTC-USDT: subscribe that."
        assert (
            market.refusal("BTC-USDT", ("liquidations",))
            == "binance.spot has none of the channels wanted of BTC-USDT."
        )
        market.want("BTC-USTD")
        market.want("BTC-USDT")
        await until(lambda: market.delivers("BTC-USDT"), LONG_S)
        assert not market.delivers("BTC-USTD")

    run(test)
