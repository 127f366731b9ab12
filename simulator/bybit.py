"""The simulated Bybit: spot, linear and inverse, as its documents and dated observations say.

What is here: paths, symbols and the limit of connections. Control messages are in :mod:`simulator.bybit_session`, frames in
:mod:`simulator.bybit_feed`, REST in :mod:`simulator.bybit_rest`. Not simulated: ``orderbook.rpi``, ``orderbook.full``, options.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit

from simulator.bybit_books import Batches
from simulator.bybit_feed import BybitFeed
from simulator.bybit_rest import BybitRest, book_result
from simulator.bybit_session import BybitSession
from simulator.bybit_wire import Market, Wire, list_instrument, wire_name
from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level, Truth
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["BybitDialect", "inverse", "linear", "spot"]

_DEFAULT_SYMBOLS: dict[Market, tuple[str, ...]] = {
    "spot": ("BTC-USDT", "ETH-USDT", "SOL-USDT"),
    "linear": ("BTC-USDT", "ETH-USDT", "BTC-USDC"),
    "inverse": ("BTC-USD", "ETH-USD", "SOL-USD"),
}
_MESSAGES = 1000  # a second; the exchange states no limit


class BybitDialect:
    """One Bybit market. ``scale`` shortens idle times and REST's seconds."""

    _CONNECTS, _CONNECT_WINDOW_S = 500, 300.0

    def __init__(self, market: Market, *, scale: float) -> None:
        self.name = f"bybit.{market}"
        self.default_symbols = _DEFAULT_SYMBOLS[market]
        self.keep_alive = KeepAlive(
            ping_interval_s=None, pong_timeout_s=math.inf, session_s=math.inf, messages=_MESSAGES
        ).scaled(scale)
        self._market: Market = market
        self._feeds: dict[str, BybitFeed] = {}
        self._batches: deque[Batches] = deque()
        self._rest = BybitRest(market, self._feeds, scale=scale)
        self._connects = RollingWindow(self._CONNECTS, self._CONNECT_WINDOW_S / scale)

    def wire(self, symbol: str) -> str:
        """``BTC-USDT`` is ``BTCUSDT``; contracts with a delivery have names of their own."""
        return wire_name(self._market, symbol)

    def instrument(self, symbol: str) -> Instrument:
        """With steps like the exchange's."""
        return list_instrument(self._market, symbol)

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> BybitSession:
        """``/v5/public/<market>``."""
        if not self._connects.admit(time.monotonic()):
            raise HandshakeRefusedError(403, "access too frequent")
        if urlsplit(target).path != f"/v5/public/{self._market}":
            raise HandshakeRefusedError(404, "Not found.")
        return BybitSession(self._market, subscriber, hub, self._feeds)

    def feed(self, instrument: Instrument, hub: Hub) -> BybitFeed:
        """Frames of a synthetic instrument, which counts its batches as its order flow does."""
        batches = self._batches.popleft() if self._batches else Batches(1)
        wire = Wire(self._market, instrument)
        feed = self._feeds[wire.name] = BybitFeed(wire, hub, batches)
        return feed

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """Each instrument's are the ``u`` of its 1000-level stream, one for a whole batch of changes: :meth:`feed` turns them."""
        while True:
            batches = Batches(start)
            self._batches.append(batches)
            yield batches

    def book_body(
        self, instrument: Instrument, update_id: int, bids: list[Level], asks: list[Level], time_ms: int
    ) -> bytes:
        """A book as REST shows it, without its envelope."""
        feed = self._feeds[self.wire(instrument.symbol)]
        truth = Truth(update_id, bids, asks, 0, 0)
        return json.dumps(book_result(feed, truth, update_id, len(bids) + len(asks), time_ms)).encode()

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """Topics have one name."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:
        """Playback waits for the topics that are always subscribed to."""
        return stream.startswith(("orderbook.", "publicTrade."))

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:  # noqa: ARG002  feeds know their books
        """One REST call."""
        return await self._rest.answer(request, faults)

    def rest_counts(self) -> dict[str, int]:
        """REST calls and refusals so far."""
        return self._rest.counts()


def spot(scale: float = 1.0) -> BybitDialect:
    """``wss://stream.bybit.com/v5/public/spot`` and category ``spot`` of ``https://api.bybit.com``."""
    return BybitDialect("spot", scale=scale)


def linear(scale: float = 1.0) -> BybitDialect:
    """``/v5/public/linear``: contracts settled in USDT or USDC."""
    return BybitDialect("linear", scale=scale)


def inverse(scale: float = 1.0) -> BybitDialect:
    """``/v5/public/inverse``: contracts of 1 USD settled in the coin."""
    return BybitDialect("inverse", scale=scale)
