"""Which venues there are. An exchange is added by one line here, or by naming its adapter in ``BOOKMILL_ADAPTERS``.

What the settings want of a venue is held against it where the venue is made: names that are wrong are one sentence.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable
from functools import cache
from typing import cast

from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings
from venues.interface import CHANNELS, Venue
from venues.intervals import nearest
from venues.polled_venue import POLLED_CHANNELS, PolledVenue

__all__ = ["VENUES", "exchanges", "known", "require_exchange", "venue"]

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


def venue(exchange: str, market: str, *, chosen: MarketSettings | None = None) -> Venue:
    """A new object of the venue of that name; raises :class:`ConfigurationError` that names the nearest.

    ``chosen`` is what shall be collected there; raises the same for bars that no exchange has, and where nothing would be collected.
    Where its source is ``poll`` the venue need not be one of ours: whatever ccxt knows is good.
    """
    names = known()
    name = f"{exchange}.{market}"
    if name in names:
        made = _made(name, names[name])
    elif chosen is not None and chosen.source == "poll":
        made = PolledVenue(exchange, market)
    else:
        raise ConfigurationError(f"There is no venue '{name}'.", hint=_nearest(exchange, market))
    if chosen is not None:
        _require_bars(made, chosen)
        _require_channels(made, chosen)
        _require_key_is_asked_for(made, chosen)
        if chosen.depth is not None:
            made.set_depth(chosen.depth)
    return made


def require_exchange(name: str) -> None:
    """Raise :class:`ConfigurationError` that names the nearest where there is no exchange of that name."""
    if name not in exchanges():
        raise ConfigurationError(f"There is no exchange '{name}'.", hint=_close(name, exchanges()))


def _made(name: str, where: str) -> Venue:
    module, _, made_by = where.partition(":")
    try:
        return cast("Venue", getattr(importlib.import_module(module), made_by)())
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"The adapter of {name}, {where}, cannot be loaded: {error}.") from error


def _nearest(exchange: str, market: str) -> str:
    """The nearest market of an exchange that there is, else the nearest venue."""
    markets = exchanges().get(exchange)
    if markets is None:
        return _close(f"{exchange}.{market}", known())
    close = difflib.get_close_matches(market, markets, n=1)
    return f"Did you mean '{exchange}.{close[0]}'?" if close else f"{exchange} has {', '.join(markets)}."


def _close(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names := list(names), n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(names)}."


def _require_bars(made: Venue, chosen: MarketSettings) -> None:
    """Bars that only others have are passed over: one list may serve several exchanges. A mistyped one serves none."""
    own, name = made.kline_intervals, f"{made.exchange}.{made.market}"
    others = [interval for interval in chosen.kline_intervals if interval not in own]
    if not others:
        return
    all_there_are = {bar for each, where in known().items() for bar in _made(each, where).kline_intervals}
    for interval in others:
        if interval not in all_there_are:
            close = nearest(interval, own or sorted(all_there_are))
            raise ConfigurationError(
                f"Setting 'exchanges.{name}.kline_intervals' is wrong: no exchange has bars of '{interval}'.",
                hint=f"Did you mean '{close}'?" if close else f"{name} has {', '.join(own) or 'none'}.",
            )


def _require_channels(made: Venue, chosen: MarketSettings) -> None:
    name = f"{made.exchange}.{made.market}"
    has = made.channels & POLLED_CHANNELS if chosen.source == "poll" else made.channels
    wanted = [channel for channel in chosen.channels if channel in has]
    if not wanted:
        raise ConfigurationError(
            f"{name} has none of the channels in 'exchanges.{name}.channels'.",
            hint=f"It has {', '.join(channel for channel in CHANNELS if channel in has)}.",
        )
    bars = made.kline_intervals
    if wanted == ["klines"] and bars and not set(bars).intersection(chosen.kline_intervals):
        raise ConfigurationError(
            f"{name} has none of the bars in 'exchanges.{name}.kline_intervals'.",
            hint=f"It has {', '.join(bars)}.",
        )


def _require_key_is_asked_for(made: Venue, chosen: MarketSettings) -> None:
    if chosen.api_key is not None and not made.key_header:
        name = f"{made.exchange}.{made.market}"
        raise ConfigurationError(
            f"Setting 'exchanges.{name}.api_key' is of no use: {name} asks for no key.", hint="Leave it out."
        )


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
