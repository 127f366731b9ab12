"""The websocket through its server and real sockets: what clients get, and what becomes of those that misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.context import Context
from gateway.serving import GatewayServer, uvicorn_config
from tests.unit.gateway.clients import Events, apply
from tests.unit.gateway.material import gateway

TIMEOUT_S = 100


class Served:
    """A gateway whose events come from the test."""

    def __init__(self, context: Context, port: int) -> None:
        self.context = context
        self.port = port
        self.events = Events()

    def take(self, topic: str, event: dict[str, Any]) -> None:
        self.context.live.take(topic, event)

    def connect(self, **more: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/api/v1/ws", **more)


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[Served]:
    context = gateway(port=0, **settings)
    context.entered = [context.hub]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        server = GatewayServer(uvicorn_config(context), context)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        one = Served(context, listening.getsockname()[1])
        one.take("book_updates", one.events.update("image", [(9, 1), (8, 1)], [(11, 1)]))
        try:
            yield one
        finally:
            server.should_exit = True
            await serving


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), TIMEOUT_S))


async def told(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await client.recv())
    return message


async def ask(client: ClientConnection, **request: Any) -> dict[str, Any]:
    await client.send(json.dumps(request))
    return await told(client)


async def code_of(client: ClientConnection) -> int | None:
    """With which code the connection ends, whatever comes before."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await client.recv()
    return caught.value.rcvd.code if caught.value.rcvd else None


@pytest.mark.parametrize("compression", ["deflate", None])
def test_a_book_at_two_rates_is_that_of_rest(compression: str | None) -> None:
    async def test() -> None:
        async with served() as there, there.connect(compression=compression) as client:
            book, events = there.events.key, there.events
            welcome = await told(client)
            assert (welcome["type"], welcome["heartbeat_s"]) == ("welcome", 15.0)
            each = await ask(client, op="subscribe", channel="book", instrument=book, id=1)
            snapshot = await told(client)
            some = await ask(
                client, op="subscribe", channel="book", instrument=book, rate=20, depth=50, id="b"
            )
            other = await told(client)
            assert (each["type"], each["id"], some["id"]) == ("subscribed", 1, "b")
            books: dict[int, Any] = {one["sid"]: ({}, {}) for one in (each, some)}
            seqs = {}
            for message in (snapshot, other):
                apply(books[message["sid"]], message["data"])
                seqs[message["sid"]] = message["seq"]
            for number in range(100):
                levels = [(price, (number * price) % 7) for price in range(1, 60)]
                there.take("book_updates", events.update("delta", levels))
                await asyncio.sleep(0)
            counts = dict.fromkeys(books, 0)
            now = there.context.books.get(book)
            assert now is not None
            while set(seqs.values()) != {now.seq}:
                message = await told(client)
                assert (message["type"], message["prev_seq"]) == ("update", seqs[message["sid"]])
                seqs[message["sid"]] = message["seq"]
                counts[message["sid"]] += 1
                apply(books[message["sid"]], message["data"])
            assert counts[each["sid"]] == 100
            assert counts[some["sid"]] < 50
            async with httpx2.AsyncClient() as http:
                path = f"http://127.0.0.1:{there.port}/api/v1/orderbook/{book.replace('.', '/', 2)}"
                whole, best = [(await http.get(path + query)).json()["data"] for query in ("", "?depth=50")]
            assert (whole["seq"], whole["epoch"]) == (now.seq, welcome["epoch"])
            for rest, sid in ((whole, each["sid"]), (best, some["sid"])):
                assert [dict(rest[side]) for side in ("bids", "asks")] == list(books[sid])
            assert len(best["bids"]) == 50

    run(test)


def test_what_is_wrong_is_answered_and_the_next_message_understood() -> None:
    async def test() -> None:
        async with served() as there, there.connect() as client:
            await told(client)
            for text, code in (
                ("{", "bad_request"),
                ("hello", "bad_request"),
                (
                    '{"op":"subscribe","channel":"book","instrument":"binance.spot.X","id":4}',
                    "unknown_instrument",
                ),
                ("subscribe:XYZ", "unknown_instrument"),
            ):
                await client.send(text)
                answer = await told(client)
                assert (answer["type"], answer["error"]["code"]) == ("error", code)
            assert answer["id"] is None
            assert (await ask(client, op="ping", id=5))["type"] == "pong"
            there.take("trades", there.events.trade(1))
            await client.send("subscribe:BTCUSDT")
            assert [(await told(client))["channel"] for _ in range(3)] == ["prices", "trades", "trades"]
            assert there.context.hub.subscriptions == 2
        assert there.context.hub.subscriptions == 0

    run(test)


def test_who_breaks_the_rules_is_closed_with_the_reason() -> None:
    async def test() -> None:
        limits = {"max_body_kib": 1, "rate_per_s": 1, "rate_burst": 5, "max_clients": 1}
        async with served(**limits) as there:
            for said, code in ((b"\x00", 1003), ("x" * 2000, 1009)):
                async with there.connect() as client:
                    await client.send(said)
                    assert await code_of(client) == code
                while there.context.hub.clients:
                    await asyncio.sleep(0.01)
            async with there.connect() as client:
                async with there.connect() as second:
                    assert await code_of(second) == 1013
                for _ in range(6):
                    await client.send("ping")
                assert await code_of(client) == 4029

    run(test)


def test_a_client_that_does_not_read_is_given_up_alone() -> None:
    async def test() -> None:
        async with served(client_buffer=20, slow_close_s=0.5) as there:
            book = there.events.key
            small = socket.socket()
            small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            small.connect(("127.0.0.1", there.port))
            small.setblocking(False)
            async with (
                there.connect(sock=small, max_queue=1, compression=None, close_timeout=0.1) as lazy,
                there.connect() as keen,
            ):
                for client in (lazy, keen):
                    await client.send(f"subscribe:book:{book}")
                heard = asyncio.create_task(_all(keen))
                hub = there.context.hub
                number = 0
                while not hub.traffic.closed_slow:
                    number += 1
                    levels = [(price, number % 5 + 1) for price in range(1, 500)]
                    there.take("book_updates", there.events.update("delta", levels))
                    await asyncio.sleep(0.005)
                assert hub.traffic.slowed
                while hub.clients == 2:
                    await asyncio.sleep(0.01)
                now = there.context.books.get(book)
                assert now is not None
                seq = now.seq
                await keen.close()
                messages = await heard
                updates = [each for each in messages if each["type"] == "update"]
                assert [each["seq"] for each in updates] == [*range(updates[0]["seq"], seq + 1)]
                assert "slow" not in {each["type"] for each in messages}

    run(test)


async def _all(client: ClientConnection) -> list[dict[str, Any]]:
    return [json.loads(text) async for text in client]


def test_nobody_is_there_who_answers_no_ping() -> None:
    async def test() -> None:
        async with served(heartbeat_s=0.1) as there:
            reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(
                b"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            said = b""
            while not said.endswith(
                b"no answer to pings"
            ):  # the end of a close frame, which may come in pieces
                some = await reader.read(1000)
                assert some, said
                said += some
            assert (4000).to_bytes(2) in said
            while there.context.hub.clients:
                await asyncio.sleep(0.01)
            writer.close()

    run(test)


def test_a_gateway_that_stops_says_so() -> None:
    async def test() -> None:
        async with served() as there:
            client = await there.connect(subprotocols=["bookmill"])
            assert client.subprotocol == "bookmill"
            await told(client)
        assert await code_of(client) == 1001

    run(test)
