"""The simulated Deribit: perpetuals, dated futures and options, as its documents and dated observations say.

Frames are in :mod:`simulator.deribit_feed`, connections in :mod:`simulator.deribit_session`, calls in
:mod:`simulator.deribit_rpc`, contracts in :mod:`simulator.deribit_contracts`. Not simulated: the ``agg2`` pace, grouped books, logging in; such
channels are left out of the answer as unknown ones are.
"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from simulator.deribit_contracts import Contract, Market, contract, instrument
from simulator.deribit_feed import DeribitFeed
from simulator.deribit_rpc import CreditBudget, MarketData, RpcError, answer
from simulator.deribit_session import DeribitSession
from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.limits import Verdict
from simulator.rest import RestDesk, now_ms
from simulator.web import Request, Response

__all__ = ["DeribitDialect", "futures", "option", "swap"]

_PATH = "/ws/api/v2"
_REST = "/api/v2/"
_MOST_CONNECTIONS = 32
_CALL_COST, _LISTING_COST = 500, 10_000
"""Credits; the latter makes the documented one a second of the 10,000 that come back in it."""
_CHANGE_ID = re.compile(rb'("change_id":)\d+')

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
        self._desk = RestDesk(lambda: CreditBudget(scale), _refusal)

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
        self._desk.called()
        method = request.path.removeprefix(_REST)
        if method == request.path or request.method != "GET":
            return Response(404, b"Not found", {"Content-Type": "text/plain"})
        if method == "public/get_order_book":
            return await self._order_book(request, books, faults)
        cost = _LISTING_COST if method == "public/get_instruments" else _CALL_COST
        return self._desk.charged(request, lambda _: self._called(method, request.query), weight=cost)

    def rest_counts(self) -> dict[str, int]:
        """Calls, good books, credits and refusals so far."""
        return self._desk.counts()

    def _now_s(self) -> float:
        return time.monotonic() * self._scale

    def _called(self, method: str, params: Mapping[str, str]) -> Response:
        try:
            return Response(200, answer(None, self._data.call(method, params)))
        except RpcError as error:
            return Response(400, answer(None, error))

    async def _order_book(self, request: Request, books: Books, faults: RestFaults) -> Response:
        try:
            feed, depth = self._data.feed(request.query), self._data.depth(request.query)
        except RpcError as error:
            return Response(400, answer(None, error))
        book = books[feed.contract.wire]
        return await self._desk.snapshot(
            request,
            faults,
            lambda _: Response(200, book.snapshot(depth, now_ms())),
            stale=lambda body: _CHANGE_ID.sub(rb"\g<1>%d" % book.opening_id, body),
            empty=answer(None, f"{{{feed.order_book(book.opening_id, [], [])}}}"),
            weight=_CALL_COST,
        )


def swap(scale: float = 1.0) -> DeribitDialect:
    """Perpetuals, inverse and linear."""
    return DeribitDialect("swap", scale=scale)


def futures(scale: float = 1.0) -> DeribitDialect:
    """Dated futures, inverse and linear."""
    return DeribitDialect("futures", scale=scale)


def option(scale: float = 1.0) -> DeribitDialect:
    """Options: two strikes of each coin."""
    return DeribitDialect("option", scale=scale)


def _refusal(verdict: Verdict) -> Response:
    """Too many calls, or whatever else a fault says."""
    headers = {"Retry-After": str(verdict.retry_after_s)} if verdict.status == 429 else {}
    return Response(verdict.status, answer(None, RpcError(10028, "too_many_requests")), headers)
