"""A simulated OKX market without sockets, and what stands for a client's connection to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from simulator import okx
from simulator.dialect import Snapshots
from simulator.faults import RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.okx import OkxDialect
from simulator.web import Request, Response

__all__ = ["DIALECTS", "START_MS", "Client", "Market", "arg"]

START_MS = 1_790_000_000_000
DIALECTS = {"spot": okx.spot, "swap": okx.swap, "futures": okx.futures}


class Market:
    """A simulated market without sockets."""

    def __init__(self, market: str = "swap", *, rate: float = 2000, scale: float = 1.0) -> None:
        self.dialect: OkxDialect = DIALECTS[market](scale)
        self.hub = Hub()
        symbols = self.dialect.default_symbols
        instruments = [self.dialect.instrument(symbol) for symbol in symbols]
        self.live = LiveMarket(instruments, self.dialect, self.hub, rate=rate, seed=1)
        self.now_ms = START_MS

    def run(self, seconds: float, step_ms: int = 10) -> None:
        for _ in range(int(seconds * 1000 / step_ms)):
            self.live.tick(self.now_ms)
            self.now_ms += step_ms

    def rest(self, path: str, query: dict[str, str], faults: RestFaults | None = None) -> Response:
        request, books = (
            Request("GET", f"/api/v5/{path}", query, b"", "peer"),
            dict[str, Snapshots](self.live.books),
        )
        return asyncio.run(self.dialect.answer(request, books, faults or RestFaults()))

    def rows(self, path: str, **query: str) -> list[Any]:
        response = self.rest(path, query)
        body = json.loads(response.body)
        assert (response.status, body["code"]) == (200, "0")
        return list(body["data"])


class Client:
    """Stands for a connection: keeps what it is sent."""

    def __init__(self, market: Market, path: str = "/ws/v5/public") -> None:
        self.frames: list[bytes] = []
        self.session = market.dialect.open(path, self, market.hub)

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.frames.append(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, text: str) -> list[dict[str, Any]]:
        answers = self.session.receive(text.encode())
        self.frames += answers
        return [json.loads(answer) for answer in answers]

    def ask(self, op: str, *args: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        return self.say(json.dumps({**more, "op": op, "args": list(args)}))


def arg(channel: str, wire_symbol: str = "BTC-USDT-SWAP") -> dict[str, str]:
    return {"channel": channel, "instId": wire_symbol}
