"""The simulated Deribit over real sockets: a client as the adapter plans it, and the ways in which a connection dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator import deribit
from simulator.simulated_market import MarketConfig, SimulatedMarket
from streams.synchronizer import Phase, Synchronizer
from venues.deribit import DeribitSwap
from venues.interface import StreamOptions
from venues.messages import BookDiff, BookImage, Message

SCALE = 60.0
TEST = '{"jsonrpc":"2.0","id":2,"method":"public/test","params":{}}'


def run(test: Callable[[SimulatedMarket], Awaitable[None]], scale: float = SCALE) -> None:
    """Run the test on a market of perpetuals whose clock runs so fast."""

    async def inside() -> None:
        market = SimulatedMarket(deribit.swap(scale), MarketConfig(rate=500, clock_scale=scale))
        market.load()
        await market.start("127.0.0.1")
        try:
            await asyncio.wait_for(test(market), 60)
        finally:
            await market.close()

    asyncio.run(inside())


def join(market: SimulatedMarket) -> connect:
    return connect(
        market.address["websocket"] + "/ws/api/v2", compression=None, ping_interval=None, max_size=None
    )


async def ending(socket: ClientConnection) -> tuple[float, ConnectionClosed]:
    """Read to the end; after how many real seconds it came, and how."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    with pytest.raises(ConnectionClosed) as raised:
        while True:
            await socket.recv()
    return loop.time() - start_s, raised.value


class Client:
    """What a producer and a worker do between them, for one book."""

    def __init__(self, venue: DeribitSwap, wire: str, socket: ClientConnection) -> None:
        self.keeper = Synchronizer(venue.continuity, 1000)
        self.replies = 0
        self._venue = venue
        self._wire = wire
        self._socket = socket
        self._asked = False

    async def take(self, frame: bytes) -> None:
        route = self._venue.route(frame)
        if route is not None:
            for message in self._venue.decode(route.channel, frame):
                await self._apply(message)
            return
        control = self._venue.control(frame)
        assert control.kind in {"ack", "alive"}
        if control.reply:
            self.replies += 1
            await self._socket.send(control.reply)

    async def _apply(self, message: Message) -> None:
        if isinstance(message, BookImage):
            list(self.keeper.install(message))
        elif isinstance(message, BookDiff):
            self.keeper.offer(message)
        if self.keeper.reason == "gap" and not self._asked:
            self._asked = True
            for text in self._venue.resubscribe(self._wire):
                await self._socket.send(text)


def test_a_client_that_answers_keeps_its_books_through_a_gap() -> None:
    async def test(market: SimulatedMarket) -> None:
        venue = DeribitSwap()
        [instrument, *_] = venue.parse_instruments(await listed(market, venue))
        [plan] = venue.plan([instrument.wire_symbol], StreamOptions(("book", "trades", "ticker")))
        async with join(market) as socket:
            for text in plan.requests:
                await socket.send(text)
            client = Client(venue, instrument.wire_symbol, socket)
            market.faults.scenario("BTC-USD", "lose_changes")
            until_s = asyncio.get_running_loop().time() + 3
            while asyncio.get_running_loop().time() < until_s:
                await client.take(await socket.recv(decode=False))
        keeper = client.keeper
        assert (keeper.phase, keeper.counters.gaps, keeper.counters.joins) == (Phase.LIVE, 1, 2)
        assert client.replies >= 4, "half a second is thirty of the exchange's"

    run(test)


async def listed(market: SimulatedMarket, venue: DeribitSwap) -> bytes:
    request = venue.instruments_request()
    async with httpx2.AsyncClient(base_url=market.address["rest"]) as client:
        return (await client.get(request.path, params=dict(request.params))).content


def test_who_does_not_answer_a_test_request_is_closed_with_4000() -> None:
    async def test(market: SimulatedMarket) -> None:
        async with join(market) as socket:
            await socket.send(
                '{"jsonrpc":"2.0","id":1,"method":"public/set_heartbeat","params":{"interval":30}}'
            )
            seconds, end = await ending(socket)
        assert end.rcvd is not None
        assert (end.rcvd.code, end.rcvd.reason) == (4000, "heartbeat close")
        assert 40 <= seconds * SCALE < 90
        assert market.counts()["connections"]["closed_by_session"] == 1

    run(test)


def test_an_idle_socket_dies_without_a_close_frame() -> None:
    async def test(market: SimulatedMarket) -> None:
        async with join(market) as socket:
            await socket.send(TEST)
            seconds, end = await ending(socket)
        assert end.rcvd is None
        assert 58 <= seconds * SCALE < 120

    run(test)


def test_a_33rd_connection_is_answered_with_429() -> None:
    async def test(market: SimulatedMarket) -> None:
        async with AsyncExitStack() as sockets:
            for _ in range(32):
                await sockets.enter_async_context(join(market))
            with pytest.raises(InvalidStatus) as refused:
                await sockets.enter_async_context(join(market))
            assert refused.value.response.status_code == 429

    run(test, scale=1.0)


def test_calls_over_rest_are_answered_in_the_envelope() -> None:
    async def test(market: SimulatedMarket) -> None:
        async with httpx2.AsyncClient(base_url=market.address["rest"] + "/api/v2/public/") as client:
            book = await client.get(
                "get_order_book", params={"instrument_name": "BTC-PERPETUAL", "depth": 10}
            )
            assert len(json.loads(book.content)["result"]["bids"]) == 10
            wrong = await client.get("get_order_book", params={"instrument_name": "NO-SUCH"})
            assert (wrong.status_code, json.loads(wrong.content)["error"]["code"]) == (400, 13020)

    run(test, scale=1.0)
