"""Polling a simulated exchange through ccxt: as a market's only source, and while its socket is down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from bookmill.errors import ConfigurationError, UnavailableError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.ccxt_exchange import CcxtExchange
from producers.rest import Rest
from simulator.simulated_market import MarketConfig
from simulator.simulator import Simulator, SimulatorConfig
from tests.unit.producers.fakes import until
from tests.unit.producers.local_proxies import HOST, LocalProxy
from tests.unit.producers.polled_market import Collected, collecting
from venues.interface import Venue
from venues.registry import venue

FAST = ProducerSettings(
    backoff_initial_s=0.05, backoff_max_s=0.2, poll_after_s=2.0, poll_interval_s=0.1, rest_weight_share=1.0
)
POLL = MarketSettings(source="poll")
CHANNELS: Any = ("book", "best", "trades", "ticker", "klines")
LONG_S = 40.0


def run(
    market: str,
    test: Callable[[Simulator, Collected], Awaitable[None]],
    settings: ProducerSettings = FAST,
    **more: Any,
) -> None:
    """Run the test on a producer's market at a simulated Binance."""

    async def inside() -> None:
        config = MarketConfig(symbols=("BTC-USDT",), rate=60)
        async with Simulator(SimulatorConfig("binance", {market: config})) as simulator:
            address = simulator.addresses[market]
            chosen = MarketSettings(
                symbols=("BTC-USDT",),
                channels=CHANNELS,
                websocket_url=address["websocket"],
                rest_url=address["rest"],
                **more,
            )
            one = venue("binance", market, chosen=chosen)
            async with collecting(one, chosen, settings) as collected:
                await test(simulator, collected)

    asyncio.run(asyncio.wait_for(inside(), 90))


def numbers(collected: Collected) -> list[int]:
    """Trade ids in the order of their events."""
    return [int(one["trade_id"]) for one in collected.events["trades"]]


def live_books(collected: Collected) -> list[str]:
    return [one.state for one in collected.partition.instruments.values()]


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_while_the_socket_is_down_its_instruments_are_polled_and_no_trade_is_lost_or_doubled(
    market: str,
) -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        polling = collected.market.polling
        await until(lambda: live_books(collected) == ["live"] and len(numbers(collected)) > 20, LONG_S)
        assert polling.instruments == 0
        faults = simulator.faults(market)
        faults.refuse_connections()
        faults.cut_connections()
        await until(lambda: polling.counts.records > 20 and polling.counts.trades > 20, LONG_S)
        assert polling.instruments == 1
        assert collected.market.state == "unreachable"
        faults.refuse_connections(refuse=False)
        await until(lambda: collected.market.state == "connected", LONG_S)
        await until(lambda: polling.instruments == 0, LONG_S)
        done = polling.counts.polls
        seen = len(numbers(collected))
        await until(lambda: live_books(collected) == ["live"] and len(numbers(collected)) > seen + 20, LONG_S)
        await until(lambda: collected.events["book_snapshots"][-1]["state"] == "live", LONG_S)
        assert polling.counts.polls == done

        assert not collected.dead_letters
        found = numbers(collected)
        assert sorted(found) == list(range(min(found), max(found) + 1))
        assert polling.counts.gaps == 0
        by_source = {one["source"] for one in collected.events["trades"]}
        assert by_source == {"ws", "poll"}
        polled = [one for one in collected.events["spreads"] if one["source"] == "poll"]
        assert polled
        assert {(one["state"], one["origin"]) for one in polled} == {("degraded", "book")}
        snapshots = [(one["source"], one["state"]) for one in collected.events["book_snapshots"]]
        assert set(snapshots) == {("ws", "live"), ("poll", "degraded")}
        kinds = collected.kinds()
        assert kinds["poll", "poll.ticker"]
        assert kinds["poll", "poll.klines"]

    run(market, test)


def test_a_market_is_polled_alone_and_says_what_the_exchange_says() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        await until(lambda: collected.events["spreads"] and collected.events["book_snapshots"], LONG_S)
        assert collected.market.state == "polling"
        assert collected.market.health() == {}
        assert collected.market.lines == []
        truth = simulator.truth("spot", "BTCUSDT")  # nobody listens, so the simulated market stands still
        snapshot = collected.events["book_snapshots"][-1]
        scale = Decimal(1).scaleb(-2), Decimal(1).scaleb(-5)
        best = [(price * scale[0], quantity * scale[1]) for price, quantity in truth.bids[:3]]
        assert list(zip(snapshot["bid_prices"], snapshot["bid_quantities"]))[:3] == best
        assert {kind for kind, _ in collected.kinds()} == {"poll"}

    run("spot", test, source="poll")


def test_an_exchange_is_polled_by_its_name_at_ccxt_without_any_adapter() -> None:
    async def inside() -> None:
        async with Simulator(SimulatorConfig("binance", {"usdm": MarketConfig(rate=100)})) as simulator:
            chosen = MarketSettings(
                source="poll", rest_url=simulator.addresses["usdm"]["rest"], symbols=("BTC-USDT", "ETHUSDT")
            )
            async with collecting(venue("binanceusdm", "swap", chosen=POLL), chosen, FAST) as collected:
                await until(lambda: len(collected.partition.instruments) == 2, LONG_S)
                assert {one.symbol for one in collected.partition.instruments.values()} == {
                    "BTC-USDT",
                    "ETH-USDT",
                }
                assert collected.market.state == "polling"
                await until(lambda: collected.events["tickers"] and collected.events["spreads"], LONG_S)
            assert not collected.dead_letters
            assert {one["exchange"] for one in collected.events["spreads"]} == {"binanceusdm"}

    asyncio.run(asyncio.wait_for(inside(), 90))


def test_an_unknown_exchange_or_symbol_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no exchange 'krakn'.*Did you mean 'kraken'"):
        venue("krakn", "spot", chosen=POLL)
    with pytest.raises(ConfigurationError, match=r"no market 'spott'.*Did you mean 'spot'"):
        venue("kucoin", "spott", chosen=POLL)

    async def inside() -> None:
        async with Simulator(SimulatorConfig("binance", {"spot": MarketConfig()})) as simulator:
            chosen = MarketSettings(
                source="poll", rest_url=simulator.addresses["spot"]["rest"], symbols=("BTC-USD",)
            )
            with pytest.raises(ConfigurationError, match=r"no instrument 'BTC-USD'.*'BTC-USDT'"):
                async with collecting(venue("binance", "spot", chosen=POLL), chosen, FAST) as collected:
                    await collected.running

    asyncio.run(asyncio.wait_for(inside(), 90))


def test_nothing_is_polled_where_that_is_not_wanted() -> None:
    async def test(simulator: Simulator, collected: Collected) -> None:
        await until(lambda: collected.market.state == "connected", LONG_S)
        faults = simulator.faults("spot")
        faults.refuse_connections()
        faults.cut_connections()
        await until(lambda: collected.market.state == "unreachable", LONG_S)
        await asyncio.sleep(3.0)
        assert collected.market.polling.counts.polls == 0

    run("spot", test, FAST.model_copy(update={"poll_after_s": None}))


def test_a_dead_proxy_is_an_error_and_never_a_direct_connection() -> None:
    async def inside() -> None:
        async with Simulator(SimulatorConfig("binance", {"spot": MarketConfig()})) as simulator:
            chosen = MarketSettings(
                source="poll",
                rest_url=simulator.addresses["spot"]["rest"],
                proxy=SecretStr("http://me:secret@127.0.0.1:1"),
            )
            exchange = CcxtExchange(venue("binance", "spot", chosen=POLL), chosen, FAST)
            with pytest.raises(UnavailableError, match=r"through http://127\.0\.0\.1:1") as raised:
                await exchange.load()
            assert "secret" not in str(raised.value)
            assert simulator.counts()["spot"]["rest"]["calls"] == 0
            await exchange.close()

    asyncio.run(asyncio.wait_for(inside(), 60))


def test_a_proxy_is_gone_through_and_resolves_the_name() -> None:
    async def inside() -> None:
        async with (
            Simulator(SimulatorConfig("binance", {"spot": MarketConfig()})) as simulator,
            LocalProxy("socks5").running() as proxy,
        ):
            port = int(simulator.addresses["spot"]["rest"].rpartition(":")[2])
            chosen = MarketSettings(
                source="poll", rest_url=f"http://{HOST}:{port}", proxy=SecretStr(proxy.url())
            )
            exchange = CcxtExchange(venue("binance", "spot", chosen=POLL), chosen, FAST)
            await exchange.load()
            assert await exchange.book(exchange.instruments[0])
            assert set(proxy.asked) == {(HOST, port)}
            await exchange.close()

    asyncio.run(asyncio.wait_for(inside(), 60))


@pytest.mark.parametrize(
    ("exchange", "market"),
    [
        ("okx", "spot"),
        ("okx", "swap"),
        ("okx", "futures"),
        ("bybit", "linear"),
        ("bybit", "inverse"),
        ("kraken", "spot"),
        ("coinbase", "spot"),
        ("coinbase-advanced", "spot"),
        ("deribit", "swap"),
        ("deribit", "option"),
        ("binance", "coinm"),
    ],
)
def test_ccxt_finds_each_adapters_instruments_and_reads_their_books(exchange: str, market: str) -> None:
    async def inside() -> None:
        async with Simulator(SimulatorConfig(exchange, {market: MarketConfig(rate=50)})) as simulator:
            address = simulator.addresses[market]["rest"]
            adapter = venue(exchange, market)
            chosen = MarketSettings(rest_url=address)
            rest, asked = Rest.of(adapter, chosen, FAST), CcxtExchange(adapter, chosen, FAST)
            closing = AsyncExitStack()
            closing.push_async_callback(rest.close)
            closing.push_async_callback(asked.close)
            async with closing:
                await compare(adapter, rest, asked)

    async def compare(adapter: Venue, rest: Rest, asked: CcxtExchange) -> None:
        body = await rest.get(adapter.instruments_request())
        await asked.load()
        known = {one.symbol: one for one in asked.instruments}
        for one in adapter.parse_instruments(body or b""):
            assert asked.has(one)
            if exchange != "deribit":  # ccxt's contract sizes there are not what amounts are counted in
                assert known[one.symbol].unit == one.unit
            assert known[one.symbol].tick == one.tick
            book = await asked.book(one)
            assert book.bids
            assert book.asks

    asyncio.run(asyncio.wait_for(inside(), 90))
