"""Connections that say nothing, or never stop: they are ended, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway import http_wire

ASK = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(0.6)
    return PlainTextResponse("late")


async def quick(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())} bytes")


def talk(*talks: Talk) -> list[bytes]:
    """Serve, and have all these talks at the same time; what each was told until its connection ended."""
    app = Starlette(routes=[Route("/slow", slow), Route("/", quick, methods=["GET", "POST"])])

    async def serve() -> list[bytes]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(
                app, http=http_wire.HttpWire, lifespan="off", log_config=None, timeout_keep_alive=30
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)

            async def one(each: Talk) -> bytes:
                reader, writer = await asyncio.open_connection(*listening.getsockname()[:2])
                try:
                    return await asyncio.wait_for(each(reader, writer), 30)
                finally:
                    writer.close()

            try:
                return await asyncio.gather(*map(one, talks))
            finally:
                server.should_exit = True
                await serving

    return asyncio.run(serve())


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    return await reader.read()


async def half_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    for letter in ASK[:-2]:
        writer.write(bytes([letter]))
        await asyncio.sleep(0.001)
    return await reader.read()


async def endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET / HTTP/1.1\r\nx: ")
    try:
        for _ in range(1000):
            writer.write(b"x" * 1000)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        return await reader.read()
    except ConnectionError:
        return b"cut"


async def slow_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET /slow HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    return await reader.read()


async def large_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\nconnection: close\r\n\r\n")
    for _ in range(20):
        writer.write(b"x" * 10_000)
        await asyncio.sleep(0.01)
    return await reader.read()


async def several_then_silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    told = b""
    for _ in range(5):
        writer.write(ASK)
        told += await reader.readuntil(b"0 bytes")
        await asyncio.sleep(0.1)
    writer.write(ASK[:10])
    return told + await reader.read()


def test_who_says_nothing_or_never_stops_is_cut_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_wire, "_HEAD_S", 0.3)
    silent, half, endless, slow_one, large, several = talk(
        silence, half_a_head, endless_header, slow_answer, large_body, several_then_silence
    )
    assert silent == b""
    assert half == b""
    assert endless == b"cut" or endless.startswith(b"HTTP/1.1 431 ")
    assert slow_one.endswith(b"late"), "an answer may take longer than a question"
    assert large.endswith(b"200000 bytes"), "a body is no head"
    assert several.count(b"HTTP/1.1 200 OK") == 5
    assert several.endswith(b"0 bytes")


def test_the_limit_is_said() -> None:
    async def large_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nx: " + b"x" * (64 * 1024))
        return await reader.read()

    async def fitting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nconnection: close\r\nx: " + b"x" * 30_000 + b"\r\n\r\n")
        return await reader.read()

    refused, answered = talk(large_head, fitting)
    assert refused.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"too_large"' in refused
    assert answered.startswith(b"HTTP/1.1 200 ")
