"""How Binance's markets name instruments, write numbers and size contracts (protocol page, sections 2.3, 3.4, 4.3 and 4.5)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from bookmill.errors import ConfigurationError
from simulator.instruments import Instrument, check_symbol, instrument, plausible_price

__all__ = [
    "MARKETS",
    "Market",
    "contract_size",
    "decimal_text",
    "listed",
    "pair",
    "percent",
    "signed_text",
    "wire_decimals",
    "wire_symbol",
]

Market: TypeAlias = Literal["spot", "usdm", "coinm"]

MARKETS: dict[Market, tuple[str, ...]] = {
    "spot": ("BTC-USDT", "ETH-USDT", "SOL-USDT"),
    "usdm": ("BTC-USDT", "ETH-USDT", "SOL-USDT"),
    "coinm": ("BTC-USD", "ETH-USD", "SOL-USD"),
}
"""The symbols each lists where nobody names others."""

_USUAL_ORDER_USD = 2_000


def wire_symbol(market: Market, symbol: str) -> str:
    """``BTC-USDT`` is ``BTCUSDT``, on COIN-M ``BTC-USD`` is ``BTCUSD_PERP``; contracts with a date end in ``_YYMMDD``."""
    check_symbol(symbol)
    base, quote, *more = symbol.split("-")
    if len(more) > (market != "spot"):
        raise ConfigurationError(
            f"Binance {market} lists nothing like {symbol}.", hint="Write it like BTC-USDT."
        )
    if market == "coinm":
        if quote != "USD":
            raise ConfigurationError(
                f"Binance COIN-M lists no {symbol}: all its contracts are priced in USD.",
                hint=f"Write {base}-USD.",
            )
        more = more or ["PERP"]
    return "_".join([base + quote, *more])


def pair(instrument: Instrument) -> str:
    """What a contract is of: ``BTCUSD``."""
    return instrument.base + instrument.quote


def contract_size(market: Market, instrument: Instrument) -> int:
    """US dollars a contract of COIN-M; 0 where quantities are coins."""
    if market != "coinm":
        return 0
    return 100 if instrument.base == "BTC" else 10


def listed(market: Market, symbol: str) -> Instrument:
    """A synthetic instrument; COIN-M's have quantities in whole contracts."""
    wire_symbol(market, symbol)
    if market != "coinm":
        return instrument(symbol)
    base = symbol.partition("-")[0]
    decimals = 1 if base == "BTC" else instrument(f"{base}-USDT").price_decimals
    lots = _USUAL_ORDER_USD // (100 if base == "BTC" else 10)
    return Instrument(symbol, decimals, 0, plausible_price(base) * 10**decimals, lots)


def wire_decimals(market: Market, instrument: Instrument) -> tuple[int, int]:
    """Decimals that prices and quantities are written with: spot always 8, USD-M a price precision finer than some ticks."""
    if market == "spot":
        return 8, 8
    if market == "coinm":
        return instrument.price_decimals, 0
    return max(2, instrument.price_decimals), max(instrument.quantity_decimals, 0)


def decimal_text(value: int, decimals: int, wire: int) -> str:
    """``value`` steps of 10^-decimals, written with ``wire`` decimals."""
    padded = value * 10 ** (wire - decimals)
    if not wire:
        return str(padded)
    unit = 10**wire
    return f"{padded // unit}.{padded % unit:0{wire}d}"


def signed_text(value: int, decimals: int, wire: int) -> str:
    """The same of a number that may be negative."""
    return ("-" if value < 0 else "") + decimal_text(abs(value), decimals, wire)


def percent(change: int, of: int) -> str:
    """A change in percent, with three decimals."""
    return signed_text((abs(change) * 100_000 // of) * (-1 if change < 0 else 1), 3, 3)
