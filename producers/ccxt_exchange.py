"""One exchange's market as ccxt sees it: its instruments, and their books, trades, tickers and bars as of now.

The class is imported and the listing read in another thread, since both take seconds; what is polled afterwards is small.
ccxt's errors end here: an answer that may come later is an :class:`UnavailableError`, a no a :class:`RefusedError`, and what
cannot be read a :class:`FrameError`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx2
import structlog

from bookmill.errors import FrameError, RefusedError, UnavailableError
from bookmill.settings import MarketSettings, ProducerSettings
from producers import polled_values
from producers.ccxt_choices import choices, wanted_types
from producers.ccxt_class import ccxt_class
from producers.ccxt_spending import Spending
from producers.ccxt_transport import Transport
from producers.ledger import Ledger
from producers.own_loop import in_own_loop
from producers.proxy import rest_options, through
from venues.ccxt_markets import instrument, is_of
from venues.interface import Venue
from venues.messages import Instrument
from venues.polled import Bars, Book, PolledTicker, PolledTrade

__all__ = ["CcxtExchange"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_TIMEOUT_S = 10.0
_TEXT = 200
_MISREAD = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What an answer that ccxt did not expect ends with."""
_CHANNELS = {
    "book": "fetchOrderBook",
    "trades": "fetchTrades",
    "ticker": "fetchTicker",
    "klines": "fetchOHLCV",
}
_BARS = 3


class CcxtExchange:
    """Made for one market of the settings. Nothing is imported before :meth:`load`; ``instruments`` are empty until then."""

    def __init__(
        self, venue: Venue, market: MarketSettings, settings: ProducerSettings, ledger: Ledger | None = None
    ) -> None:
        self.instruments: Sequence[Instrument] = ()
        self._id = venue.ccxt_id
        self._market = venue.market
        self._each_trade = market.trades == "trade"
        self._share = settings.rest_weight_share
        self._spending = partial(Spending, venue, market, settings.rest_weight_share, ledger or Ledger(None))
        self._address = market.rest_url
        self._proxy = market.proxy.get_secret_value() if market.proxy else None
        self._choices = choices(self._id)
        self._ccxt: Any = None
        self._http: httpx2.AsyncClient | None = None
        self._by_wire: dict[str, Mapping[str, Any]] = {}
        self._by_symbol: dict[str, Mapping[str, Any]] = {}

    @property
    def loaded(self) -> bool:
        """Whether the exchange has told its instruments."""
        return self._ccxt is not None

    @property
    def retry_after_s(self) -> float:
        """What the exchange's last refusal for too many calls asked for."""
        return float(self._ccxt.retry_after_s) if self.loaded else 0.0

    async def load(self) -> None:
        """Import the class and ask for the listing, or ask for it anew."""
        ccxt = await self._told(lambda: in_own_loop(self._load), "its instruments")
        if self._http is None:
            self._http = self._client()
        ccxt.http = self._http
        self._take(ccxt)

    def _take(self, ccxt: Any) -> None:
        instruments, unreadable = [], 0
        self._by_wire, self._by_symbol = {}, {}
        for market in ccxt.markets.values():
            if not is_of(self._market, market):
                continue
            try:
                one = instrument(market, ccxt.precisionMode)
            except FrameError as error:
                unreadable += 1
                if unreadable == 1:
                    _log.warning("instruments left out", exchange=self._id, reason=error.message)
                continue
            instruments.append(one)
            self._by_wire[one.wire_symbol] = self._by_symbol[one.symbol] = market
        self.instruments = instruments
        self._ccxt = ccxt

    def has(self, wanted: Instrument) -> bool:
        """Whether ccxt knows it, by the exchange's own name or, where that is another on REST, by ours."""
        return wanted.wire_symbol in self._by_wire or wanted.symbol in self._by_symbol

    def offers(self, channel: str) -> bool:
        """Whether the exchange can be asked for it."""
        return self._ccxt.has.get(_CHANNELS[channel]) is True or (
            channel in {"book", "trades", "ticker"} and bool(self._ccxt.has.get(_CHANNELS[channel]))
        )

    def has_interval(self, interval: str) -> bool:
        """Whether it has bars of that length."""
        return interval in (self._ccxt.timeframes or {})

    async def book(self, of: Instrument) -> Book:
        """As deep as the exchange's usual answer."""
        symbol = self._find(of)["symbol"]
        return await self._read(
            lambda: self._ccxt.fetch_order_book(symbol), f"the book of {of.symbol}", polled_values.book
        )

    async def trades(self, of: Instrument) -> tuple[list[PolledTrade], bool]:
        """The latest, oldest first; and whether there were as many as were asked for, so that older ones may have been left out."""
        market, limit = self._find(of), self._choices.trades
        single = self._choices.each_trade if self._each_trade else ""

        async def ask() -> Any:
            if not single:
                return await self._ccxt.fetch_trades(market["symbol"], limit=limit)
            told = await getattr(self._ccxt, single)({"symbol": market["id"], "limit": limit})
            return self._ccxt.parse_trades(told, market)

        aggregated = self._choices.aggregates and not single
        told = await self._told(ask, f"the trades of {of.symbol}")
        made = self._made(
            lambda: polled_values.trades(told, aggregated=aggregated), f"the trades of {of.symbol}"
        )
        return made, limit is None or len(told) >= limit

    async def ticker(self, of: Instrument) -> PolledTicker | None:
        """The last 24 hours; None before the first trade."""
        symbol = self._find(of)["symbol"]
        return await self._read(
            lambda: self._ccxt.fetch_ticker(symbol), f"the ticker of {of.symbol}", polled_values.ticker
        )

    async def bars(self, of: Instrument, interval: str) -> Bars:
        """The bar at hand and those before it."""
        symbol = self._find(of)["symbol"]

        def read(told: Any) -> Bars:
            length_ms = 1000 * self._ccxt.parse_timeframe(interval)
            return polled_values.bars(
                told[-_BARS:], interval, length_ms=length_ms, now_ms=time.time_ns() // 1_000_000
            )

        return await self._read(
            lambda: self._ccxt.fetch_ohlcv(symbol, interval, limit=_BARS), f"the bars of {of.symbol}", read
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _load(self) -> Any:
        """In a thread of its own: an exchange that has read its listing."""
        kind = ccxt_class(self._id)
        made: Any = type(kind.__name__, (Transport, kind), {})({"enableRateLimit": True, "number": str})
        made.address = self._address
        made.spending = self._spending(float(made.rateLimit))
        made.rateLimit, made.tokenBucket = made.rateLimit / self._share, None
        made.init_rest_rate_limiter()
        made.has["fetchCurrencies"] = False  # a call more, which many exchanges answer only to customers
        types = wanted_types(made.options, self._market)
        if types:
            made.options["fetchMarkets"]["types"] = types
        async with self._client() as made.http:
            await made.load_markets(False, dict(self._choices.listing))
        return made

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(timeout=_TIMEOUT_S, **rest_options(self._address or "", self._proxy))

    def _find(self, wanted: Instrument) -> Mapping[str, Any]:
        market = self._by_wire.get(wanted.wire_symbol) or self._by_symbol.get(wanted.symbol)
        if market is None:
            raise RefusedError(f"ccxt's {self._id} has no {wanted.symbol}.")
        return market

    async def _read(self, ask: Callable[[], Awaitable[Any]], what: str, read: Callable[[Any], _T]) -> _T:
        told = await self._told(ask, what)
        return self._made(lambda: read(told), what)

    def _made(self, make: Callable[[], _T], what: str) -> _T:
        try:
            return make()
        except _MISREAD as error:
            raise FrameError(f"ccxt's {self._id} tells {what} in no known form: {error!r}.") from error

    async def _told(self, ask: Callable[[], Awaitable[_T]], what: str) -> _T:
        try:
            return await ask()
        except _MISREAD as error:
            raise FrameError(f"ccxt cannot read what {self._id} says of {what}: {error!r}.") from error
        except Exception as error:
            from ccxt.base.errors import BaseError, OperationFailed

            text = " ".join(str(error).split())[:_TEXT] or type(error).__name__
            if isinstance(error, OperationFailed):
                raise UnavailableError(
                    f"{self._id} does not tell {what}: {text}{through(self._proxy)}."
                ) from error
            if isinstance(error, BaseError):
                raise RefusedError(f"{self._id} does not tell {what}: {text}.") from error
            raise
