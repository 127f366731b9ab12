"""The websocket client of the benchmark, against a server of the ``websockets`` library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.ws_client import connect, unpacked

SIZES = (0, 1, 125, 126, 65_535, 65_536, 300_000)


def with_server(
    handler: Callable[[ServerConnection], Awaitable[None]], job: Callable[[str], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with serve(handler, "127.0.0.1", 0) as server, asyncio.timeout(20):
            port = server.sockets[0].getsockname()[1]
            await job(f"ws://127.0.0.1:{port}/feed")

    asyncio.run(run())


def test_messages_of_any_length_come_as_they_were_sent_compressed_or_not() -> None:
    heard: list[tuple[bytes, bool]] = []

    async def handler(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        for size in asked["sizes"]:
            await connection.send("x" * size)

    async def job(url: str) -> None:
        client = await connect(url, lambda message, compressed: heard.append((message, compressed)))
        client.send(json.dumps({"sizes": SIZES, "more": "y" * 200}))  # longer than a short frame
        await client.closed

    with_server(handler, job)
    assert [unpacked(*one) for one in heard] == [b"x" * size for size in SIZES]
    assert any(compressed for _, compressed in heard)


def test_pings_are_answered_and_an_end_is_seen() -> None:
    answered: list[float] = []

    async def handler(connection: ServerConnection) -> None:
        answered.append(await (await connection.ping()))
        await connection.close(1001, "enough")

    async def job(url: str) -> None:
        client = await connect(url, lambda *_: None)
        await client.closed

    with_server(handler, job)
    assert len(answered) == 1


def test_a_server_that_does_not_agree_is_an_error() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server, asyncio.timeout(20):
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionError, match="503"):
                await connect(f"ws://127.0.0.1:{port}/", lambda *_: None)

    asyncio.run(run())
