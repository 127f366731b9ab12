"""The simulated Binance: spot, USD-M and COIN-M, as their documents and dated observations say.

What a path or route delivers, how long connections live and how frames look; the control messages are in
:mod:`simulator.binance_session`, REST in :mod:`simulator.binance_rest`.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from simulator.binance_feed import BinanceFeed
from simulator.binance_listing import book_body
from simulator.binance_names import MARKETS, Market, listed, wire_symbol
from simulator.binance_rest import BinanceRest
from simulator.binance_rules import COINM_REST, SPOT_REST, USDM_REST, RestRules
from simulator.binance_session import MOST_STREAMS, BinanceSession
from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["BinanceDialect", "coinm", "spot", "usdm"]

_DAY_S = 24 * 3600.0
_EVERY_ROUTE = re.compile("")
# USD-M streams by route (URL split of 2026-03-05). `@trade` is undocumented and was seen on /public only.
_PUBLIC = re.compile(r"^(!bookTicker|[^@]+@(bookTicker|depth.*|rpiDepth@500ms|trade))$")
_MARKET = re.compile(
    r"^(![^@]+@arr(@1s)?|!contractInfo|tradingSession"
    r"|[^@]+@(aggTrade|kline_.*|continuousKline_.*|ticker|miniTicker|markPrice(@1s)?|forceOrder|compositeIndex))$"
)


class BinanceDialect:
    """One Binance market. ``routes`` maps the beginning of a path to the streams that flow there.

    A stream asked for on another route is acknowledged and never comes. ``scale`` shortens minutes, pings and sessions.
    """

    _CONNECTS, _CONNECT_WINDOW_S = 300, 300.0  # documented for spot, taken for all

    def __init__(
        self,
        market: Market,
        keep_alive: KeepAlive,
        rules: RestRules,
        routes: dict[str, re.Pattern[str]],
        *,
        scale: float,
    ) -> None:
        self.name = f"binance.{market}"
        self.default_symbols = MARKETS[market]
        self.keep_alive = keep_alive.scaled(scale)
        self._market: Market = market
        self._routes = routes
        self._feeds: dict[str, BinanceFeed] = {}
        self._rest = BinanceRest(rules, self._feeds, scale=scale)
        self._connects = RollingWindow(self._CONNECTS, self._CONNECT_WINDOW_S / scale)

    def wire(self, symbol: str) -> str:
        """``BTC-USDT`` is ``BTCUSDT``, ``BTC-USD`` on COIN-M ``BTCUSD_PERP``."""
        return wire_symbol(self._market, symbol)

    def instrument(self, symbol: str) -> Instrument:
        """With the steps of 2024."""
        return listed(self._market, symbol)

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> BinanceSession:
        """``[route]/ws[/<stream>…]`` or ``[route]/stream[?streams=<stream>/…]``."""
        if not self._connects.admit(time.monotonic()):
            raise HandshakeRefusedError(429, "Too many connections.")
        url = urlsplit(target)
        query = parse_qs(url.query)
        for route, delivered in self._routes.items():
            path = url.path.removeprefix(route)
            if not url.path.startswith(route) or not re.match(r"^/(ws|stream)(/|$)", path):
                continue
            if "timeUnit" in query:
                raise HandshakeRefusedError(400, "timeUnit is not simulated.")
            combined = path.startswith("/stream")
            in_path = unquote(path).removeprefix("/stream").removeprefix("/ws")
            text = "/".join([*query.get("streams", ()), in_path])
            streams = [stream for stream in text.split("/") if stream]
            if len(streams) > MOST_STREAMS:
                raise HandshakeRefusedError(400, f"More than {MOST_STREAMS} streams.")
            session = BinanceSession(subscriber, hub, delivered, combined=combined)
            session.subscribe(streams)
            return session
        raise HandshakeRefusedError(404, "Not found.")

    def feed(self, instrument: Instrument, hub: Hub) -> BinanceFeed:
        """Frames of a synthetic instrument."""
        feed = BinanceFeed(instrument, hub, self._market)
        self._feeds[self.wire(instrument.symbol)] = feed
        return feed

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """Spot counts by symbol, without holes; on futures all symbols share one counter, so each sees holes."""
        if self._market != "spot":
            return itertools.repeat(itertools.count(start))
        return (itertools.count(start) for _ in itertools.count())

    def book_body(
        self, instrument: Instrument, update_id: int, bids: list[Level], asks: list[Level], time_ms: int
    ) -> bytes:
        """A synthetic book as REST shows it."""
        return book_body(self._market, instrument, update_id, bids, asks, time_ms=time_ms)

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """``@depth@0ms`` of older recordings is the frame that is called ``@depth@100ms`` now."""
        if stream.endswith("@depth@0ms"):
            return hub.channel(stream, stream.replace("@0ms", "@100ms"))
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:
        """Depth, trades and best prices are what a recording is subscribed for."""
        kind = stream.partition("@")[2]
        return kind in {"trade", "bookTicker"} or kind.startswith("depth@")

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One REST call."""
        return await self._rest.answer(request, books, faults)

    def rest_counts(self) -> dict[str, int]:
        """REST calls, weight and refusals so far."""
        return self._rest.counts()


def spot(scale: float = 1.0) -> BinanceDialect:
    """``wss://stream.binance.com:9443`` and ``https://api.binance.com``."""
    keep_alive = KeepAlive(ping_interval_s=20.0, pong_timeout_s=60.0, session_s=_DAY_S, messages=5)
    return BinanceDialect("spot", keep_alive, SPOT_REST, {"": _EVERY_ROUTE}, scale=scale)


def usdm(scale: float = 1.0) -> BinanceDialect:
    """``wss://fstream.binance.com`` with its routes (the old, unrouted one acts as /public), ``https://fapi.binance.com``."""
    keep_alive = KeepAlive(ping_interval_s=180.0, pong_timeout_s=600.0, session_s=_DAY_S, messages=10)
    routes = {"/public": _PUBLIC, "/market": _MARKET, "": _PUBLIC}
    return BinanceDialect("usdm", keep_alive, USDM_REST, routes, scale=scale)


def coinm(scale: float = 1.0) -> BinanceDialect:
    """``wss://dstream.binance.com``, which has no routes, and ``https://dapi.binance.com``."""
    keep_alive = KeepAlive(ping_interval_s=180.0, pong_timeout_s=600.0, session_s=_DAY_S, messages=10)
    return BinanceDialect("coinm", keep_alive, COINM_REST, {"": _EVERY_ROUTE}, scale=scale)
