"""Clients of a gateway, as a process of their own: what they wait for is not what the gateway waits for.

``python -m bench.gateway_clients sockets|idle|requests '<JSON object>'`` prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop
from websockets.asyncio.client import connect

from bench.http_client import HttpClient

__all__: list[str] = []

_OPEN_AT_ONCE = 50
_SETTLE_S = 3.0
_ANSWER_S = 10.0
"""Who waits for longer gives up: such a request has failed, and took as long."""


async def _sockets(url: str, instruments: Sequence[str], clients: int, seconds: float) -> dict[str, Any]:
    """Each client has the prices of one instrument five times a second, one of ten every trade of it too. All are connected before
    anybody asks for anything. ``seen``: when which trade came, µs."""
    seen: list[tuple[str, str, int]] = []
    messages = 0
    door = asyncio.Semaphore(_OPEN_AT_ONCE)
    measured = asyncio.Event()
    ended = asyncio.Event()

    connected = asyncio.Barrier(clients + 1)

    async def client(instrument: str, *, eager: bool) -> None:
        nonlocal messages
        async with door:
            socket = await connect(url, max_queue=None, open_timeout=60)
        async with socket:
            await connected.wait()
            for order in ({"channel": "prices", "rate": 5}, {"channel": "trades"})[: 1 + eager]:
                await socket.send(json.dumps({"op": "subscribe", "instrument": instrument, **order}))
            async for text in socket:
                now_us = time.time_ns() // 1000
                if ended.is_set():
                    return
                if not measured.is_set():
                    continue
                messages += 1
                message = json.loads(text)
                if message["type"] == "update" and message["channel"] == "trades":
                    seen.extend((instrument, trade["trade_id"], now_us) for trade in message["data"])

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(client(instruments[number % len(instruments)], eager=not number % 10))
            for number in range(clients)
        ]
        await connected.wait()
        await asyncio.sleep(_SETTLE_S)
        measured.set()
        await asyncio.sleep(seconds)
        ended.set()
        for task in tasks:
            task.cancel()
    return {"messages": messages, "seen": seen}


async def _idle(url: str, instruments: Sequence[str], clients: int, seconds: float) -> dict[str, Any]:
    """Connected clients that watch one instrument's price once a second."""
    door = asyncio.Semaphore(_OPEN_AT_ONCE)
    connected = 0
    all_connected = asyncio.Event()

    async def client(instrument: str) -> None:
        nonlocal connected
        async with door:
            socket = await connect(url, open_timeout=60)
        async with socket:
            connected += 1
            if connected == clients:
                all_connected.set()
            order = {"op": "subscribe", "channel": "prices", "instrument": instrument, "rate": 1}
            await socket.send(json.dumps(order))
            async for _ in socket:
                pass

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(client(instruments[number % len(instruments)])) for number in range(clients)
        ]
        await all_connected.wait()
        print("connected", flush=True)
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
    return {"connected": connected}


async def _requests(url: str, paths: Sequence[str], per_s: float, seconds: float) -> dict[str, Any]:
    """Requests at a steady pace, whether or not the ones before are answered. ``took_ms`` of each."""
    took_ms: list[float] = []
    failed = 0
    client = HttpClient(url, patience_s=_ANSWER_S)

    async def ask(path: str, due_s: float) -> None:
        nonlocal failed
        failed += await client.get(path) != 200
        took_ms.append((time.perf_counter() - due_s) * 1000)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_s * seconds)):
            due_s = started_s + number / per_s
            if (wait_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            group.create_task(ask(paths[number % len(paths)], due_s))
    client.close()
    return {"took_ms": took_ms, "failed": failed}


_JOBS: dict[str, Callable[..., Coroutine[Any, Any, dict[str, Any]]]] = {
    "sockets": _sockets,
    "idle": _idle,
    "requests": _requests,
}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_JOBS[sys.argv[1]](**json.loads(sys.argv[2])))))
