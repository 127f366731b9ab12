"""Clients of a gateway, as a process of their own: what they wait for is not what the gateway waits for.

``python -m bench.gateway_clients sockets|idle|requests '<JSON object>'`` prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import uvloop

from bench.http_client import HttpClient
from bench.ws_client import WsClient, connect, unpacked

__all__: list[str] = []

_OPEN_AT_ONCE = 50
_OPEN_S = 60.0
_SETTLE_S = 3.0
_ANSWER_S = 10.0
"""Who waits for longer gives up: such a request has failed, and took as long."""


async def _sockets(url: str, instruments: Sequence[str], clients: int, seconds: float) -> dict[str, Any]:
    """Each client has the prices of one instrument five times a second, one of ten every trade of it too. All are connected before
    anybody asks for anything. ``seen``: when which trade came, µs."""
    seen: list[tuple[str, str, int]] = []
    messages = 0
    measuring = False

    def count(_: bytes, __: bool) -> None:  # noqa: FBT001  as messages are handed on
        nonlocal messages
        messages += measuring

    def note(instrument: str, message: bytes, compressed: bool) -> None:  # noqa: FBT001  same
        now_us = time.time_ns() // 1000
        count(message, compressed)
        if measuring:
            said = json.loads(unpacked(message, compressed))
            if said["type"] == "update" and said["channel"] == "trades":
                seen.extend((instrument, trade["trade_id"], now_us) for trade in said["data"])

    async def client(number: int) -> None:
        instrument, eager = instruments[number % len(instruments)], not number % 10
        one = await connect(url, partial(note, instrument) if eager else count)
        opened.append((one, instrument, eager))

    opened: list[tuple[WsClient, str, bool]] = []
    await _at_once(client, clients)
    for one, instrument, eager in opened:
        for order in ({"channel": "prices", "rate": 5}, {"channel": "trades"})[: 1 + eager]:
            one.send(json.dumps({"op": "subscribe", "instrument": instrument, **order}))
    await asyncio.sleep(_SETTLE_S)
    measuring = True
    await asyncio.sleep(seconds)
    measuring = False
    _require_open([one for one, _, _ in opened])
    return {"messages": messages, "seen": seen}


async def _idle(url: str, instruments: Sequence[str], clients: int, seconds: float) -> dict[str, Any]:
    """Connected clients that watch one instrument's price once a second."""
    opened: list[WsClient] = []

    async def client(number: int) -> None:
        one = await connect(url, lambda _, __: None)
        order = {"op": "subscribe", "channel": "prices", "instrument": instruments[number % len(instruments)]}
        one.send(json.dumps({**order, "rate": 1}))
        opened.append(one)

    await _at_once(client, clients)
    print("connected", flush=True)
    await asyncio.sleep(seconds)
    _require_open(opened)
    return {"connected": len(opened)}


async def _at_once(client: Callable[[int], Coroutine[Any, Any, None]], clients: int) -> None:
    """So many clients, not all of them knocking at the same time."""
    door = asyncio.Semaphore(_OPEN_AT_ONCE)

    async def enter(number: int) -> None:
        async with door, asyncio.timeout(_OPEN_S):
            await client(number)

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(enter(number))


def _require_open(clients: Sequence[WsClient]) -> None:
    lost = sum(one.closed.done() for one in clients)
    if lost:
        raise ConnectionError(f"{lost} of {len(clients)} clients were cut off")


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
