"""The simulated OKX: spot, swap and futures, as its documents and dated observations say.

What a path delivers, how long connections live, what is listed; requests are in :mod:`simulator.okx_session`, frames in
:mod:`simulator.okx_feed`, misbehaviour in :mod:`simulator.okx_scenarios`, REST in :mod:`simulator.okx_rest`.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from simulator.dialect import Books, Close, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.limits import RollingWindow
from simulator.okx_contracts import Contract, Kind, Numerals, contract, default_symbols, next_quarter
from simulator.okx_feed import OkxFeed
from simulator.okx_rest import OkxRest
from simulator.okx_session import BUSINESS, PUBLIC, OkxSession
from simulator.web import Request, Response

__all__ = ["OkxDialect", "futures", "spot", "swap"]

_PATHS = {"/ws/v5/public": PUBLIC, "/ws/v5/business": BUSINESS}
_CONNECTS, _CONNECT_WINDOW_S = 3, 1.0
# Websocket messages are not limited, subscriptions are (480 an hour: the session). Pings are the client's business.
_KEEP_ALIVE = KeepAlive(
    ping_interval_s=None,
    pong_timeout_s=math.inf,
    session_s=math.inf,
    messages=100_000,
    slow_reader=Close(4005, "Buffer is full, cannot write data"),
)


class OkxDialect:
    """One market. ``scale`` makes silence, notices, heartbeats and the hour of subscriptions pass so much faster.

    Dated contracts of symbols without a date expire at the end of the quarter. Connections are limited to 3 in a real second.
    """

    def __init__(self, kind: Kind, *, scale: float = 1.0) -> None:
        self._kind: Kind = kind
        self._scale = scale
        self._expiry = next_quarter(datetime.now(UTC).date())
        self.name = f"okx.{kind.lower()}"
        self.keep_alive = _KEEP_ALIVE.scaled(scale)
        self.default_symbols = default_symbols(kind, self._expiry)
        self._feeds: dict[str, OkxFeed] = {}
        self._rest = OkxRest(kind, self._feeds, scale=scale)
        self._connects = RollingWindow(_CONNECTS, _CONNECT_WINDOW_S)

    def wire(self, symbol: str) -> str:
        """``BTC-USDT``: spot the same, swap ``BTC-USDT-SWAP``, futures with the date."""
        return self._contract(symbol).wire

    def instrument(self, symbol: str) -> Instrument:
        """With the steps of 2026; of a dated contract the symbol has its date."""
        return self._contract(symbol).instrument

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> OkxSession:
        """``/ws/v5/public`` or ``/ws/v5/business``."""
        channels = _PATHS.get(urlsplit(target).path)
        if channels is None:
            raise HandshakeRefusedError(404, "Not found.")
        if not self._connects.admit(time.monotonic()):
            raise HandshakeRefusedError(429, "Too many connections.")
        return OkxSession(subscriber, hub, channels, self._feeds, scale=self._scale)

    def feed(self, instrument: Instrument, hub: Hub) -> OkxFeed:
        """Frames of a synthetic instrument."""
        one = self._contract(instrument.symbol)
        feed = self._feeds[one.wire] = OkxFeed(one, hub, self._scale)
        return feed

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """Each instrument counts for itself."""
        return (itertools.count(start) for _ in itertools.count())

    def book_body(
        self, instrument: Instrument, update_id: int, bids: list[Level], asks: list[Level], time_ms: int
    ) -> bytes:
        """A synthetic book as market/books shows it."""
        feed = self._feeds.get(self.wire(instrument.symbol))
        price, quantity = Numerals(instrument.price_decimals), Numerals(instrument.quantity_decimals)
        row = {
            "asks": [[price[ticks], quantity[lots], "0", "1"] for ticks, lots in asks],
            "bids": [[price[ticks], quantity[lots], "0", "1"] for ticks, lots in bids],
            "ts": str(time_ms),
            "seqId": feed.sequence(update_id) if feed else update_id,
        }
        return json.dumps({"code": "0", "msg": "", "data": [row]}, separators=(",", ":")).encode()

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """By its name here, ``books:BTC-USDT``."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:
        """Books and trades are what a recording is subscribed for."""
        return stream.startswith(("books:", "trades:"))

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One REST call."""
        return await self._rest.answer(request, books, faults)

    def rest_counts(self) -> dict[str, int]:
        """REST calls and refusals so far."""
        return self._rest.counts()

    def _contract(self, symbol: str) -> Contract:
        return contract(self._kind, symbol, self._expiry)


def spot(scale: float = 1.0) -> OkxDialect:
    """Quantities in base units."""
    return OkxDialect("SPOT", scale=scale)


def swap(scale: float = 1.0) -> OkxDialect:
    """Perpetual contracts: linear against USDT, inverse against USD."""
    return OkxDialect("SWAP", scale=scale)


def futures(scale: float = 1.0) -> OkxDialect:
    """One dated contract a symbol."""
    return OkxDialect("FUTURES", scale=scale)
