"""What the simulator does for every exchange, shown on a small one of our own: registry, clock, images, scenarios, REST."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from bookmill.errors import ConfigurationError
from simulator import registry
from simulator.dialect import Close
from simulator.faults import RestFault, RestFaults
from simulator.hub import Hub
from simulator.limits import CallBudget
from simulator.live import LiveMarket
from simulator.registry import dialect, exchanges, usual_markets
from simulator.serving import Options, configuration, configurations
from simulator.simulated_market import MarketConfig
from simulator.simulator import Simulator, SimulatorConfig, Simulators
from simulator.web import Request
from tests.unit.simulator import toy


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    binance = {name: where for name, where in registry.DIALECTS.items() if name.startswith("binance.")}
    monkeypatch.setattr(registry, "DIALECTS", binance)
    monkeypatch.setenv("BOOKMILL_SIMULATORS", "toy.spot=tests.unit.simulator.toy:spot")


def run(
    test: Callable[[Simulator, ClientConnection], Awaitable[None]], config: MarketConfig | None = None
) -> None:
    """Run the test on a toy exchange with one client."""

    async def inside() -> None:
        async with Simulator(SimulatorConfig("toy", {"spot": config or MarketConfig()})) as simulator:
            address = simulator.addresses["spot"]["websocket"]
            async with connect(address, compression=None, ping_interval=None) as client:
                await asyncio.wait_for(test(simulator, client), 30)

    asyncio.run(inside())


def levels(rows: Sequence[Sequence[int]]) -> dict[int, int]:
    return {price: lots for price, lots in rows}  # noqa: C416  rows are lists


def test_an_exchange_is_added_by_the_environment() -> None:
    assert exchanges()["toy"] == ("spot",)
    assert usual_markets("toy") == ("spot",)
    assert dialect("toy", "spot").name == "toy.spot"


def test_binance_opens_spot_and_usdm_where_no_market_is_named() -> None:
    assert exchanges()["binance"] == ("spot", "usdm", "coinm")
    assert usual_markets("binance") == ("spot", "usdm")


@pytest.mark.parametrize(
    ("exchange", "market", "complaint"),
    [
        ("binanze", "spot", "'binanze' is not simulated. Did you mean 'binance'"),
        ("nothing", "spot", "is not simulated. Known: binance, toy"),
        ("binance", "usdn", "no simulated market 'usdn'. Did you mean 'usdm'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(exchange: str, market: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        dialect(exchange, market)


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ("toy.spot", "has 'toy.spot'"),
        ("toy=simulator.binance:spot", "has 'toy=simulator.binance:spot'"),
        ("toy.spot=simulator.nowhere:spot", "cannot be loaded"),
        ("toy.spot=simulator.binance:nothing", "cannot be loaded"),
    ],
)
def test_what_the_environment_names_wrongly_is_said(
    monkeypatch: pytest.MonkeyPatch, named: str, complaint: str
) -> None:
    monkeypatch.setenv("BOOKMILL_SIMULATORS", named)
    with pytest.raises(ConfigurationError, match=complaint):
        dialect("toy", "spot")


def test_symbols_are_the_exchanges_own_where_none_are_named() -> None:
    assert configuration(Options(exchange="toy")).markets["spot"].symbols == ["BTC-USD"]
    counted = configuration(Options(exchange="toy", instruments=12)).markets["spot"].symbols
    assert counted[:2] == ["BTC-USD", "ETH-USD"]
    assert counted[-1] == "SIM0002-USD"


def test_all_exchanges_have_ports_one_after_the_other() -> None:
    configs = configurations(Options(exchange="all", port=9100))
    ports = {
        (config.exchange, name): (market.websocket_port, market.rest_port)
        for config in configs
        for name, market in config.markets.items()
    }
    assert ports == {
        ("binance", "spot"): (9100, 9101),
        ("binance", "usdm"): (9102, 9103),
        ("binance", "coinm"): (9104, 9105),
        ("toy", "spot"): (9106, 9107),
    }
    spots = configurations(Options(exchange="all", markets=("spot",)))
    assert [(config.exchange, list(config.markets)) for config in spots] == [
        ("binance", ["spot"]),
        ("toy", ["spot"]),
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (Options(exchange="all", symbols="BTC-USDT"), "those of one exchange"),
        (Options(exchange="all", recordings=("a.gz",)), "those of one exchange"),
        (Options(exchange="all", markets=("moon",)), "has a market 'moon'"),
        (Options(exchange="all", speed="fast"), "no speed"),
    ],
)
def test_options_that_do_not_go_with_all_exchanges_are_explained(options: Options, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        configurations(options)


def test_several_exchanges_run_in_one_process() -> None:
    async def inside() -> None:
        configs = [SimulatorConfig("toy"), SimulatorConfig("binance", {"coinm": MarketConfig()})]
        async with Simulators(configs) as simulators:
            addresses = simulators.addresses
            assert {exchange: list(markets) for exchange, markets in addresses.items()} == {
                "toy": ["spot"],
                "binance": ["coinm"],
            }
            async with connect(addresses["toy"]["spot"]["websocket"]) as client:
                await client.send("ping")
                assert await client.recv() == "pong"
            assert simulators["toy"].counts()["spot"]["connections"]["opened"] == 1
            assert simulators.counts()["binance"]["coinm"]["connections"]["opened"] == 0

    asyncio.run(inside())
    with pytest.raises(ConfigurationError, match="'moon' is not simulated"):
        Simulators([SimulatorConfig("toy"), SimulatorConfig("moon")])


def test_an_image_and_the_diffs_behind_it_are_the_true_book() -> None:
    async def test(simulator: Simulator, client: ClientConnection) -> None:
        await client.send("sub BTC-USD")
        assert await client.recv() == "subscribed"
        image = json.loads(await client.recv())
        assert image["time"] > 1_600_000_000_000  # the clock goes before the first subscriber, too
        bids, asks, last = levels(image["bids"]), levels(image["asks"]), image["image"]
        for number in range(1, 10):
            diff = json.loads(await client.recv())
            assert (diff["number"], diff["before"]) == (number, last)
            bids.update(levels(diff["bids"]))
            asks.update(levels(diff["asks"]))
            last = diff["id"]
        truth = simulator.truth("spot", "BTC-USD")
        while truth.update_id > last:
            diff = json.loads(await client.recv())
            bids.update(levels(diff["bids"]))
            asks.update(levels(diff["asks"]))
            last = diff["id"]
        assert {price: lots for price, lots in bids.items() if lots} == dict(truth.bids)
        assert {price: lots for price, lots in asks.items() if lots} == dict(truth.asks)

    run(test, MarketConfig(rate=500))


def test_a_scenario_is_played_by_name_on_one_instrument() -> None:
    async def test(simulator: Simulator, client: ClientConnection) -> None:
        faults = simulator.faults("spot")
        with pytest.raises(ConfigurationError, match=r"no scenario 'moon'.*hole"):
            faults.scenario("BTC-USD", "moon")
        with pytest.raises(ConfigurationError, match="cannot be called so"):
            faults.apply("scenario", {"symbol": "BTC-USD", "name": "hole", "size": 3})
        with pytest.raises(
            ConfigurationError, match=r"no synthetic instrument 'ETH-USD' here\. Known: BTC-USD"
        ):
            faults.scenario("ETH-USD", "hole")
        await client.send("sub BTC-USD")
        await client.recv()
        last = json.loads(await client.recv())["image"]
        faults.apply("scenario", {"symbol": "BTC-USD", "name": "hole"})
        diff = json.loads(await client.recv())
        assert diff["before"] == last - 1
        following = json.loads(await client.recv())
        assert following["before"] == diff["id"]

    run(test, MarketConfig(rate=500))


def test_silence_and_quiet_are_told_in_the_exchanges_seconds() -> None:
    async def test(simulator: Simulator, client: ClientConnection) -> None:
        texts = []
        with pytest.raises(ConnectionClosedError) as closed:
            while True:
                texts.append(await client.recv())
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4004, "silence")
        assert 2 <= len(texts) <= 5
        assert set(texts) == {"still here"}
        assert simulator.counts()["spot"]["connections"]["closed_by_session"] == 1

    run(test, MarketConfig(clock_scale=10))  # 5 of its seconds are half a second


def test_a_client_that_speaks_stays_and_websocket_pings_are_no_messages() -> None:
    async def test(_: Simulator, client: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.0
        while loop.time() < until:
            await client.send("ping")
            while await client.recv() != "pong":
                pass
            await asyncio.sleep(0.2)
        with pytest.raises(ConnectionClosedError, match="4004"):
            while True:
                await client.ping()
                await asyncio.wait_for(client.recv(), 1)

    run(test, MarketConfig(clock_scale=10))


def test_an_end_without_a_close_frame_is_code_1006(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy.ToySession, "tick", lambda *_: [Close(1006)])

    async def test(_: Simulator, client: ClientConnection) -> None:
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
        assert closed.value.rcvd is None

    run(test)


def test_calls_are_limited_by_address_and_refused_in_the_exchanges_words() -> None:
    exchange = toy.spot()
    live = LiveMarket([exchange.instrument("BTC-USD")], exchange, Hub(), rate=100, seed=1)

    def call(peer: str = "here", fault: RestFault | None = None) -> tuple[int, bytes]:
        faults = RestFaults()
        if fault:
            faults.add(fault, 1)
        request = Request("GET", "/book", {"symbol": "BTC-USD"}, b"", peer)
        response = asyncio.run(exchange.answer(request, live.books, faults))
        return response.status, response.body

    assert call()[0] == 200
    assert call(fault=RestFault(content="stale")) == (200, b"stale")
    assert call(fault=RestFault(status=503)) == (503, b'{"error":"slow down"}')  # a fault costs nothing
    assert call(fault=RestFault(content="empty")) == (200, b"empty")
    assert call() == (429, b'{"error":"slow down"}')
    assert call(peer="there")[0] == 200
    counts = exchange.rest_counts()
    assert (counts["calls"], counts["snapshots"], counts["refused_429"], counts["faults"]) == (6, 4, 1, 3)


def test_a_budget_of_calls_rolls_and_says_how_long_to_wait() -> None:
    budget = CallBudget(2, 10.0)
    assert [budget.spend(1, now).status for now in (0.0, 4.0)] == [200, 200]
    refused = budget.spend(1, 6.5)
    assert (refused.status, refused.used, refused.retry_after_s) == (429, 2, 4)
    assert budget.spend(1, 10.0).status == 200
    assert budget.spend(1, 10.0).status == 429
