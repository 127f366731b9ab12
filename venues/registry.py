"""Which venues there are. An exchange is added by one line here, or by naming its adapter in ``BOOKMILL_ADAPTERS``."""

from __future__ import annotations

import difflib
import importlib
import os
from functools import cache
from typing import cast

from bookmill.errors import ConfigurationError
from venues.interface import Venue

__all__ = ["VENUES", "exchanges", "known", "venue"]

VENUES: dict[str, str] = {
    "binance.spot": "venues.binance:BinanceSpot",
    "binance.usdm": "venues.binance:BinanceUsdm",
    "binance.coinm": "venues.binance:BinanceCoinm",
    "okx.spot": "venues.okx:OkxSpot",
    "okx.swap": "venues.okx:OkxSwap",
    "okx.futures": "venues.okx:OkxFutures",
    "bybit.spot": "venues.bybit:BybitSpot",
    "bybit.linear": "venues.bybit:BybitLinear",
    "bybit.inverse": "venues.bybit:BybitInverse",
    "kraken.spot": "venues.kraken:KrakenSpot",
    "coinbase.spot": "venues.coinbase:CoinbaseExchange",
    "coinbase-advanced.spot": "venues.coinbase:CoinbaseAdvanced",
    "deribit.swap": "venues.deribit:DeribitSwap",
    "deribit.futures": "venues.deribit:DeribitFutures",
    "deribit.option": "venues.deribit:DeribitOption",
}
"""``module:class`` by ``exchange.market``: a module is imported when its venue is asked for."""

_MORE = "BOOKMILL_ADAPTERS"
"""More of them, as ``exchange.market=module:class``, with commas between."""


def known() -> dict[str, str]:
    """All venues, ours and those named in the environment."""
    return {**VENUES, **_named(os.environ.get(_MORE, ""))}


def exchanges() -> dict[str, tuple[str, ...]]:
    """Markets by exchange."""
    found: dict[str, tuple[str, ...]] = {}
    for name in known():
        exchange, _, market = name.partition(".")
        found[exchange] = (*found.get(exchange, ()), market)
    return found


def venue(exchange: str, market: str, depth: int | None = None) -> Venue:
    """A new object of the venue of that name, with books of ``depth`` levels a side (None: its usual ones).

    Raises :class:`ConfigurationError` that names the nearest, or the depths there are.
    """
    names = known()
    name = f"{exchange}.{market}"
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        raise ConfigurationError(
            f"There is no venue '{name}'.",
            hint=f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(names)}.",
        )
    module, _, made_by = names[name].partition(":")
    try:
        made = cast("Venue", getattr(importlib.import_module(module), made_by)())
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The adapter of {name}, {names[name]}, cannot be loaded: {error}."
        ) from error
    if depth is not None:
        made.set_depth(depth)
    return made


@cache
def _named(text: str) -> dict[str, str]:
    named = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, where = item.partition("=")
        if not equals or "." not in name or ":" not in where:
            raise ConfigurationError(
                f"{_MORE} has '{item}'.", hint="Write exchange.market=module:class, with commas between."
            )
        named[name] = where
    return named
