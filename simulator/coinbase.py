"""The simulated Coinbase: the Exchange feed and Advanced Trade, as their documents and dated observations say.

What a client may connect to, how long connections live and which instruments there are; frames are made in
``coinbase_exchange_feed`` and ``coinbase_advanced_feed``, control messages in the sessions beside them, REST in the rests.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from bookmill.errors import ConfigurationError
from simulator.coinbase_advanced_feed import AdvancedFeed
from simulator.coinbase_advanced_rest import AdvancedAnswers, advanced_book
from simulator.coinbase_advanced_session import AdvancedSession
from simulator.coinbase_exchange_feed import ExchangeFeed
from simulator.coinbase_exchange_rest import ExchangeAnswers, exchange_book
from simulator.coinbase_exchange_session import ExchangeSession
from simulator.coinbase_ledger import Ledger
from simulator.coinbase_rest import Answers, CoinbaseRest
from simulator.dialect import Books, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFaults
from simulator.feed import Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument, instrument
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["AdvancedDialect", "ExchangeDialect", "advanced", "exchange"]

_SIZE_DECIMALS = 8
_USUAL_ORDER_QUOTE = 2_000
_CONNECTS, _CONNECT_WINDOW_S = (
    20,
    2.5,
)  # 8 a second with bursts of 20, of an address; all clients are one here


class _Kept(Protocol):
    ledger: Ledger


_Feed = TypeVar("_Feed", bound=_Kept)


class _Coinbase(Generic[_Feed]):
    """What both have in common. ``messages`` a second may come in: an address's limit, taken for a connection here."""

    default_symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD", "SOL-USD")

    def __init__(self, name: str, answers: Answers, *, messages: int, scale: float) -> None:
        self.name = name
        self.keep_alive = KeepAlive(None, math.inf, math.inf, messages).scaled(scale)
        self.feeds: dict[str, _Feed] = {}
        self._rest = CoinbaseRest(answers, self._ledgers, scale=scale)
        self._connects = RollingWindow(_CONNECTS, _CONNECT_WINDOW_S / scale)

    def wire(self, symbol: str) -> str:
        """Products are called as symbols are."""
        return symbol

    def instrument(self, symbol: str) -> Instrument:
        """Sizes have eight decimals, prices as many as are usual for the asset."""
        if symbol.count("-") != 1:
            raise ConfigurationError(f"Coinbase lists no '{symbol}'.", hint="Write it like BTC-USD.")
        usual = instrument(symbol)
        known = instrument(f"{usual.base}-USDT")
        price = known.start_price // 10**known.price_decimals
        return replace(
            known,
            symbol=symbol,
            quantity_decimals=_SIZE_DECIMALS,
            lot_scale=max(1, _USUAL_ORDER_QUOTE * 10**_SIZE_DECIMALS // price),
        )

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """By product; no frame tells them."""
        return (itertools.count(start) for _ in itertools.count())

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """There are no recordings."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:  # noqa: ARG002  there are no recordings
        """There are no recordings."""
        return False

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One REST call."""
        return await self._rest.answer(request, books, faults)

    def rest_counts(self) -> dict[str, int]:
        """REST calls and refusals so far."""
        return self._rest.counts()

    def _ledgers(self) -> Mapping[str, Ledger]:
        return {product: feed.ledger for product, feed in self.feeds.items()}

    def _ledger(self, instrument: Instrument) -> Ledger:
        feed = self.feeds.get(instrument.symbol)
        return feed.ledger if feed else Ledger(instrument)

    def _admit(self, target: str) -> None:
        if not self._connects.admit(time.monotonic()):
            raise HandshakeRefusedError(429, "Too many connections.")
        if urlsplit(target).path not in {"", "/"}:
            raise HandshakeRefusedError(404, "Not found.")


class ExchangeDialect(_Coinbase[ExchangeFeed]):
    """``wss://ws-feed.exchange.coinbase.com`` and ``https://api.exchange.coinbase.com``."""

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> ExchangeSession:
        """At the root alone."""
        self._admit(target)
        return ExchangeSession(subscriber, hub, self.feeds)

    def feed(self, instrument: Instrument, hub: Hub) -> ExchangeFeed:
        """Frames of a product."""
        feed = self.feeds[instrument.symbol] = ExchangeFeed(instrument, hub)
        return feed

    def book_body(
        self,
        instrument: Instrument,
        update_id: int,  # noqa: ARG002  the exchange numbers no books
        bids: list[Level],
        asks: list[Level],
        time_ms: int,
    ) -> bytes:
        """A book as REST shows it."""
        return exchange_book(self._ledger(instrument), bids, asks, time_ms)


class AdvancedDialect(_Coinbase[AdvancedFeed]):
    """``wss://advanced-trade-ws.coinbase.com`` and ``https://api.coinbase.com``."""

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> AdvancedSession:
        """At the root alone."""
        self._admit(target)
        return AdvancedSession(subscriber, hub, self.feeds)

    def feed(self, instrument: Instrument, hub: Hub) -> AdvancedFeed:
        """Frames of a product."""
        feed = self.feeds[instrument.symbol] = AdvancedFeed(instrument, hub)
        return feed

    def book_body(
        self,
        instrument: Instrument,
        update_id: int,  # noqa: ARG002  the exchange numbers no books
        bids: list[Level],
        asks: list[Level],
        time_ms: int,
    ) -> bytes:
        """A book as REST shows it."""
        return advanced_book(self._ledger(instrument), bids, asks, time_ms)


def exchange(scale: float = 1.0) -> ExchangeDialect:
    """The Exchange feed: 100 messages a second."""
    return ExchangeDialect("coinbase.spot", ExchangeAnswers(), messages=100, scale=scale)


def advanced(scale: float = 1.0) -> AdvancedDialect:
    """Advanced Trade: 8 messages a second."""
    return AdvancedDialect("coinbase-advanced.spot", AdvancedAnswers(), messages=8, scale=scale)
