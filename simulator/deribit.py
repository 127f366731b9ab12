"""The simulated Deribit: perpetuals, dated futures and options, as its documents and dated observations say.

Frames are in :mod:`simulator.deribit_feed`, connections in :mod:`simulator.deribit_session`, calls in
:mod:`simulator.deribit_rpc`, contracts in :mod:`simulator.deribit_contracts`. Not simulated: the ``agg2`` pace, grouped books, logging in; such
channels are left out of the answer as unknown ones are.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from simulator.deribit_contracts import Contract, Market, contract, instrument
from simulator.deribit_feed import DeribitFeed
from simulator.deribit_rpc import Credits, MarketData, RpcError, answer
from simulator.deribit_session import DeribitSession
from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFault, RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.web import Request, Response

__all__ = ["DeribitDialect", "futures", "option", "swap"]

_PATH = "/ws/api/v2"
_REST = "/api/v2/"
_MOST_CONNECTIONS = 32
_INSTRUMENTS = "public/get_instruments"
_CHANGE_ID = re.compile(rb'("change_id":)\d+')
_LEVELS = re.compile(rb'"bids":\[.*?\],"asks":\[.*?\](?=\})')

_SYMBOLS: dict[Market, tuple[str, ...]] = {
    "swap": ("BTC-USD", "ETH-USD", "BTC-USDC"),
    "futures": ("BTC-USD-271231", "ETH-USD-271231", "BTC-USDC-271231"),
    "option": (
        "BTC-USD-271231-60000-C",
        "BTC-USD-271231-65000-P",
        "ETH-USD-271231-2600-C",
        "ETH-USD-271231-2800-P",
    ),
}


class DeribitDialect:
    """One market. The exchange has one address for all; here each has its own. ``scale`` is how much faster its clock runs."""

    def __init__(self, market: Market, *, scale: float) -> None:
        self.name = f"deribit.{market}"
        self.default_symbols = _SYMBOLS[market]
        # Nothing pings, nothing ends a session; what a client may send is bounded by credits.
        self.keep_alive = KeepAlive(None, math.inf, math.inf, messages=100_000)
        self._market: Market = market
        self._scale = scale
        self._feeds: dict[str, DeribitFeed] = {}
        self._data = MarketData(self._feeds)
        self._calling: dict[str, Credits] = defaultdict(lambda: Credits(50_000, 10_000))
        self._listing: dict[str, Credits] = defaultdict(lambda: Credits(50, 1))
        self._counts = {"calls": 0, "snapshots": 0, "errors": 0, "refused_429": 0, "faults": 0}

    def wire(self, symbol: str) -> str:
        """``BTC-USD`` is ``BTC-PERPETUAL``, ``BTC-USDC-271231`` is ``BTC_USDC-31DEC27``."""
        return contract(self._market, symbol).wire

    def instrument(self, symbol: str) -> Instrument:
        """With steps like the exchange's."""
        return instrument(contract(self._market, symbol))

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> DeribitSession:
        """One path for everybody, and 32 connections."""
        if urlsplit(target).path != _PATH:
            raise HandshakeRefusedError(404, "Not found.")
        if len(hub.connections) >= _MOST_CONNECTIONS:
            raise HandshakeRefusedError(429, "Too many connections.")
        return DeribitSession(subscriber, hub, self._feeds, self._now_s)

    def feed(self, instrument: Instrument, hub: Hub) -> DeribitFeed:
        """Frames of a synthetic contract."""
        one: Contract = contract(self._market, instrument.symbol)
        feed = self._feeds[one.wire] = DeribitFeed(one, instrument, hub)
        return feed

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """One counter for all: each contract sees holes."""
        return itertools.repeat(itertools.count(start))

    def book_body(
        self,
        instrument: Instrument,
        update_id: int,
        bids: list[Level],
        asks: list[Level],
        time_ms: int,  # noqa: ARG002  the contract's clock is said
    ) -> bytes:
        """``get_order_book`` as REST answers it."""
        feed = self._feeds[self.wire(instrument.symbol)]
        return answer(None, f"{{{feed.order_book(update_id, bids, asks)}}}")

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """Under its own name."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:
        """Books, trades and quotes are what a recording is subscribed for."""
        return stream.startswith(("book.", "trades.", "quote."))

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """``/api/v2/<method>?<params>``."""
        self._counts["calls"] += 1
        method = request.path.removeprefix(_REST)
        if method == request.path or request.method != "GET":
            return Response(404, b"Not found", {"Content-Type": "text/plain"})
        try:
            self._charge(method, request.peer)
            if method == "public/get_order_book":
                return await self._order_book(request, books, faults)
            return Response(200, answer(None, self._data.call(method, request.query)))
        except RpcError as error:
            return self._refused(error)

    def rest_counts(self) -> dict[str, int]:
        """Calls, good books, errors and refusals so far."""
        return dict(self._counts)

    def _now_s(self) -> float:
        return time.monotonic() * self._scale

    def _charge(self, method: str, peer: str) -> None:
        """500 of 50,000 credits a call, 10,000 a second come back; instruments may be asked for once a second (a burst of 50 is assumed)."""
        now_s = self._now_s()
        listed = method != _INSTRUMENTS or self._listing[peer].spend(1, now_s)
        if not listed or not self._calling[peer].spend(500, now_s):
            self._counts["refused_429"] += 1
            raise RpcError(10028, "too_many_requests")

    def _refused(self, error: RpcError) -> Response:
        if error.code == 10028:
            return Response(429, answer(None, error))
        self._counts["errors"] += 1
        return Response(400, answer(None, error))

    async def _order_book(self, request: Request, books: Books, faults: RestFaults) -> Response:
        wire, depth = self._data.feed(request.query).contract.wire, self._data.depth(request.query)
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status != 200:
            text = b'{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"}}'
            return Response(fault.status, text, {"Retry-After": str(fault.retry_after_s)})
        body = books[wire].snapshot(depth, time.time_ns() // 1_000_000)
        self._counts["snapshots"] += 1
        await asyncio.sleep(fault.delay_s)
        if fault.content == "stale":
            body = _CHANGE_ID.sub(rb"\g<1>%d" % books[wire].opening_id, body)
        if fault.content == "empty":
            body = _LEVELS.sub(b'"bids":[],"asks":[]', body)
        return Response(200, body)


def swap(scale: float = 1.0) -> DeribitDialect:
    """Perpetuals, inverse and linear."""
    return DeribitDialect("swap", scale=scale)


def futures(scale: float = 1.0) -> DeribitDialect:
    """Dated futures, inverse and linear."""
    return DeribitDialect("futures", scale=scale)


def option(scale: float = 1.0) -> DeribitDialect:
    """Options: two strikes of each coin."""
    return DeribitDialect("option", scale=scale)
