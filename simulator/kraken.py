"""The simulated Kraken: spot, by version 2 of its websocket API, as its documents and dated observations say.

Which path and names there are and how long connections live; the frames are in :mod:`simulator.kraken_feed`, the control messages in
:mod:`simulator.kraken_session`, REST in :mod:`simulator.kraken_rest`.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument, check_symbol, plausible_price
from simulator.kraken_feed import Exchange, KrakenFeed
from simulator.kraken_rest import KrakenRest
from simulator.kraken_session import KrakenSession
from simulator.kraken_text import Numerals
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["KrakenDialect", "spot"]

_PRICE_DECIMALS = {"BTC": 1, "ETH": 2, "SOL": 2, "XRP": 5, "DOGE": 7, "ADA": 6, "LINK": 5, "LTC": 2}
_QUANTITY_DECIMALS = 8
_USUAL_ORDER_QUOTE = 2_000
_CONNECTS, _CONNECT_WINDOW_S, _BAN_S = 150, 600.0, 600.0
_ANY_NUMBER = 1_000_000
"""Too many messages are refused one by one; they do not end the connection."""


class KrakenDialect:
    """Kraken's spot market. ``scale`` shortens bans and REST windows."""

    name = "kraken.spot"
    default_symbols = ("BTC-USD", "ETH-USD", "SOL-USD")

    def __init__(self, *, scale: float) -> None:
        self.keep_alive = KeepAlive(
            ping_interval_s=None, pong_timeout_s=math.inf, session_s=math.inf, messages=_ANY_NUMBER
        ).scaled(scale)
        self._exchange = Exchange()
        self._rest = KrakenRest(self._exchange, scale=scale)
        self._connects = RollingWindow(_CONNECTS, _CONNECT_WINDOW_S / scale)
        self._ban_s = _BAN_S / scale
        self._banned_until_s = 0.0

    def wire(self, symbol: str) -> str:
        """``BTC-USD`` is ``BTC/USD``."""
        check_symbol(symbol)
        return symbol.replace("-", "/")

    def instrument(self, symbol: str) -> Instrument:
        """Quantities have 8 decimals, prices as many as the asset had in 2024."""
        check_symbol(symbol)
        base = symbol.split("-", maxsplit=1)[0]
        price, decimals = plausible_price(base), _PRICE_DECIMALS.get(base, 3)
        usual = max(1, _USUAL_ORDER_QUOTE * 10**_QUANTITY_DECIMALS // price)
        return Instrument(symbol, decimals, _QUANTITY_DECIMALS, price * 10**decimals, usual)

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> KrakenSession:
        """``/v2``. More than 150 connections in ten minutes are answered with ten minutes of refusal."""
        now_s = time.monotonic()
        if now_s < self._banned_until_s or not self._connects.admit(now_s):
            self._banned_until_s = max(self._banned_until_s, now_s + self._ban_s)
            raise HandshakeRefusedError(429, "Too many connections.")
        if urlsplit(target).path.rstrip("/") != "/v2":
            raise HandshakeRefusedError(404, "Not found.")
        return KrakenSession(subscriber, hub, self._exchange)

    def feed(self, instrument: Instrument, hub: Hub) -> KrakenFeed:
        """Frames of a synthetic instrument."""
        feed = KrakenFeed(instrument, hub, self._exchange)
        self._exchange.feeds[feed.wire] = feed
        return feed

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """Nobody is told any: each instrument counts for itself."""
        return (itertools.count(start) for _ in itertools.count())

    def book_body(
        self,
        instrument: Instrument,
        update_id: int,  # noqa: ARG002  there is none
        bids: list[Level],
        asks: list[Level],
        time_ms: int,
    ) -> bytes:
        """Levels as ``Depth`` shows them."""
        price = Numerals(instrument.price_decimals, instrument.price_decimals).text
        quantity = Numerals(instrument.quantity_decimals, instrument.quantity_decimals).text
        asks_and_bids = ([[price(p), quantity(q), time_ms // 1000] for p, q in side] for side in (asks, bids))
        return json.dumps(dict(zip(("asks", "bids"), asks_and_bids)), separators=(",", ":")).encode()

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """Under its own name."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:  # noqa: ARG002  playback waits for nothing here
        """There are no recordings of whole connections."""
        return False

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One REST call."""
        return await self._rest.answer(request, books, faults)

    def rest_counts(self) -> dict[str, int]:
        """REST calls and refusals so far."""
        return self._rest.counts()


def spot(scale: float = 1.0) -> KrakenDialect:
    """``wss://ws.kraken.com/v2`` and ``https://api.kraken.com``."""
    return KrakenDialect(scale=scale)
