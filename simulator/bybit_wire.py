"""How Bybit names instruments and writes their numbers.

Symbols are runs of coins and, for contracts with a delivery, its date: ``BTCUSDT``, ``BTCPERP`` (linear, USDC), ``BTC-26DEC25``,
``BTCUSDT-26DEC25``, ``BTCUSD`` and ``BTCUSDZ25`` (inverse, by the month's letter). All are case-sensitive.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from bookmill.errors import ConfigurationError
from simulator.feed import Level
from simulator.hub import Channel
from simulator.instruments import Instrument, check_symbol, plausible_price

__all__ = ["Market", "Wire", "decimal_text", "delivery_ms", "list_instrument", "send", "wire_name"]

Market = Literal["spot", "linear", "inverse"]

_QUOTES = {"linear": ("USDT", "USDC"), "inverse": ("USD",)}
_MONTHS = "FGHJKMNQUVXZ"
_DELIVERY_HOUR = 8
_USUAL_ORDER_USD = 2_000
_REMEMBERED = 50_000


def wire_name(market: Market, symbol: str) -> str:
    """The exchange's name of ``BASE-QUOTE[-YYMMDD]``; raises :class:`ConfigurationError` for what the market cannot list."""
    check_symbol(symbol)
    base, quote, *more = symbol.split("-")
    quotes = _QUOTES.get(market, (quote,))
    if quote not in quotes or len(more) > (market != "spot"):
        hint = "It has no contracts with a delivery." if market == "spot" else f"Quotes: {', '.join(quotes)}."
        raise ConfigurationError(f"Bybit {market} does not list '{symbol}'.", hint=hint)
    if not more:
        return f"{base}PERP" if quote == "USDC" and market == "linear" else base + quote
    day = _delivery(symbol)
    if market == "inverse":
        return f"{base}{quote}{_MONTHS[day.month - 1]}{day:%y}"
    return f"{base if quote == 'USDC' else base + quote}-{day.day}{day:%b%y}".upper()


def delivery_ms(symbol: str) -> int:
    """When the contract is delivered, 0 for perpetuals and spot."""
    return int(_delivery(symbol).timestamp() * 1000) if symbol.count("-") > 1 else 0


def _delivery(symbol: str) -> datetime:
    text = symbol.split("-")[2]
    try:
        return datetime.strptime(text, "%y%m%d").replace(hour=_DELIVERY_HOUR, tzinfo=UTC)
    except ValueError as error:
        raise ConfigurationError(f"'{symbol}' has no date of delivery.", hint="Write it YYMMDD.") from error


def list_instrument(market: Market, symbol: str) -> Instrument:
    """A synthetic instrument. Its lots are parts of a coin, whole US dollars on inverse markets."""
    wire_name(market, symbol)
    price = plausible_price(symbol.split("-", maxsplit=1)[0])
    spot = market == "spot"
    if price >= 10_000:
        price_decimals, quantity_decimals = (2, 6) if spot else (1, 3)
    elif price >= 100:
        price_decimals, quantity_decimals = (2, 5) if spot else (2, 2)
    else:
        price_decimals, quantity_decimals = (5, 2) if spot else (4, 1)
    if market == "inverse":
        return Instrument(symbol, price_decimals, 0, price * 10**price_decimals, _USUAL_ORDER_USD)
    lots = max(1, _USUAL_ORDER_USD * 10**quantity_decimals // price)
    return Instrument(symbol, price_decimals, quantity_decimals, price * 10**price_decimals, lots)


def decimal_text(value: int, decimals: int, written: int | None = None) -> str:
    """``value`` steps of 10^-decimals, written with ``written`` decimals, or with as many."""
    places = decimals if written is None else written
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(value * 10 ** (places - decimals), 10**places)
    return f"{sign}{whole}.{rest:0{places}d}" if places else f"{sign}{whole}"


class Wire:
    """One instrument's name and numbers. Contracts' prices have two decimals at least, of whatever tick (``86723.40``)."""

    def __init__(self, market: Market, instrument: Instrument) -> None:
        self.market = market
        self.instrument = instrument
        self.name = wire_name(market, instrument.symbol)
        self._price_decimals = instrument.price_decimals
        self._price_written = (
            instrument.price_decimals if market == "spot" else max(2, instrument.price_decimals)
        )
        self._quantity_decimals = instrument.quantity_decimals
        self._prices: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        """A price; once written it is remembered, as the same come again and again."""
        text = self._prices.get(ticks)
        if text is None:
            if len(self._prices) >= _REMEMBERED:
                self._prices.clear()
            text = self._prices[ticks] = decimal_text(ticks, self._price_decimals, self._price_written)
        return text

    def quantity(self, lots: int) -> str:
        """A quantity; none is ``0``, which removes a level."""
        return decimal_text(lots, self._quantity_decimals) if lots else "0"

    def levels(self, levels: list[Level]) -> str:
        """Levels as they stand in a frame's list."""
        price, quantity = self.price, self.quantity
        return ",".join([f'["{price(p)}","{quantity(q)}"]' for p, q in levels])

    def turnover(self, lots: int, value: int) -> str:
        """What traded for it: quote units; coins on inverse markets, whose lots are dollars. ``value`` is in ticks times lots."""
        if self.market != "inverse":
            return decimal_text(value, self._price_decimals + self._quantity_decimals)
        # dollars over their average price
        return self.coins(lots, value, lots) if lots else "0"

    def coins(self, dollars: int, ticks: int, divisor: int = 1) -> str:
        """Dollars in coins at a price of ``ticks / divisor``."""
        return decimal_text(dollars * divisor * 10 ** (self._price_decimals + 8) // ticks, 8)


def send(channel: Channel, frame: Callable[[], bytes]) -> None:
    """Publish a frame; one nobody is subscribed to is counted, but not made."""
    if channel.subscribers:
        channel.publish(frame())
    else:
        channel.published += 1
        channel.unsent += 1
