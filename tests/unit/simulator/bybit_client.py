"""A client of a simulated Bybit without sockets: a connection that keeps what it is sent, and a market to connect to."""

from __future__ import annotations

import json
from typing import Any

from simulator import bybit
from simulator.bybit import BybitDialect
from simulator.bybit_session import BybitSession
from simulator.hub import Hub
from simulator.live import LiveMarket

__all__ = ["START_MS", "Client", "Exchange"]

START_MS = 1_790_134_712_000
_MAKERS = {"spot": bybit.spot, "linear": bybit.linear, "inverse": bybit.inverse}


class Client:
    """``raw`` are the frames as sent, in order, answers between them."""

    def __init__(self, exchange: Exchange) -> None:
        self.raw: list[bytes] = []
        self.session: BybitSession = exchange.dialect.open(
            f"/v5/public/{exchange.market}", self, exchange.hub
        )

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.raw.append(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, message: dict[str, Any] | bytes) -> dict[str, Any]:
        """The answer to a message; what follows it is kept."""
        text = message if isinstance(message, bytes) else json.dumps(message).encode()
        answer, *frames = self.session.receive(text)
        self.raw += frames
        return dict(json.loads(answer))

    def subscribe(self, *topics: str) -> dict[str, Any]:
        return self.say({"op": "subscribe", "args": topics})

    def frames(self, topic: str) -> list[dict[str, Any]]:
        """All of a topic."""
        return [frame for frame in map(json.loads, self.raw) if frame["topic"] == topic]


class Exchange:
    """A market whose clock goes on when it is told to."""

    def __init__(self, market: str, *symbols: str, rate: float = 2000, scale: float = 1.0) -> None:
        self.market = market
        self.hub = Hub()
        self.dialect: BybitDialect = _MAKERS[market](scale)
        instruments = [self.dialect.instrument(one) for one in symbols or self.dialect.default_symbols]
        self.live = LiveMarket(instruments, self.dialect, self.hub, rate=rate, seed=7)
        self._rounds = 0

    def play(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.live.tick(START_MS + 10 * self._rounds)
            self._rounds += 1

    def pass_time(self, seconds: float) -> None:
        """Time in which nobody trades: only the clock goes on, by quarters of a second."""
        for _ in range(round(seconds * 4)):
            self._rounds += 25
            for flow in self.live._flows:
                flow.clock(START_MS + 10 * self._rounds)

    def scenario(self, wire: str, name: str, **arguments: Any) -> None:
        self.hub.feeds[wire].scenario(name, **arguments)
