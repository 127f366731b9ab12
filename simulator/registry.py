"""Which exchanges are simulated. One is added by a line here, or by naming its dialect in ``BOOKMILL_SIMULATORS``."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable
from functools import cache
from typing import cast

from bookmill.errors import ConfigurationError
from simulator.dialect import Dialect

__all__ = ["DIALECTS", "dialect", "exchanges", "known", "usual_markets"]

DIALECTS: dict[str, str] = {
    "binance.spot": "simulator.binance:spot",
    "binance.usdm": "simulator.binance:usdm",
    "binance.coinm": "simulator.binance:coinm",
    "okx.spot": "simulator.okx:spot",
    "okx.swap": "simulator.okx:swap",
    "okx.futures": "simulator.okx:futures",
    "bybit.spot": "simulator.bybit:spot",
    "bybit.linear": "simulator.bybit:linear",
    "bybit.inverse": "simulator.bybit:inverse",
    "coinbase.spot": "simulator.coinbase:exchange",
    "coinbase-advanced.spot": "simulator.coinbase:advanced",
    "kraken.spot": "simulator.kraken:spot",
    "deribit.swap": "simulator.deribit:swap",
    "deribit.futures": "simulator.deribit:futures",
    "deribit.option": "simulator.deribit:option",
}
"""``module:function`` by ``exchange.market``: a module is imported when its dialect is asked for. A function takes the clock's
``scale`` and makes a :class:`~simulator.dialect.Dialect`."""

_USUAL = {"binance": ("spot", "usdm")}
"""Markets that are opened where none is named, of exchanges with more than those."""

_MORE = "BOOKMILL_SIMULATORS"
"""More of them, as ``exchange.market=module:function``, with commas between."""


def known() -> dict[str, str]:
    """All dialects, ours and those named in the environment."""
    return {**DIALECTS, **_named(os.environ.get(_MORE, ""))}


def exchanges() -> dict[str, tuple[str, ...]]:
    """Markets by exchange."""
    found: dict[str, tuple[str, ...]] = {}
    for name in known():
        exchange, _, market = name.partition(".")
        found[exchange] = (*found.get(exchange, ()), market)
    return found


def usual_markets(exchange: str) -> tuple[str, ...]:
    """The markets of an exchange that are opened where none is named; raises :class:`ConfigurationError` for an unknown one."""
    markets = exchanges().get(exchange)
    if markets is None:
        raise ConfigurationError(
            f"The exchange '{exchange}' is not simulated.", hint=_nearest(exchange, exchanges())
        )
    return _USUAL.get(exchange, markets)


def dialect(exchange: str, market: str, scale: float = 1.0) -> Dialect:
    """A new dialect of that name, its clock ``scale`` times faster; raises :class:`ConfigurationError` that names the nearest."""
    usual_markets(exchange)
    name = f"{exchange}.{market}"
    names = known()
    if name not in names:
        raise ConfigurationError(
            f"{exchange} has no simulated market '{market}'.", hint=_nearest(market, exchanges()[exchange])
        )
    module, _, function = names[name].partition(":")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The dialect of {name}, {names[name]}, cannot be loaded: {error}."
        ) from error
    return cast("Dialect", make(scale))


def _nearest(name: str, names: Iterable[str]) -> str:
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names)}."


@cache
def _named(text: str) -> dict[str, str]:
    named = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, where = item.partition("=")
        if not equals or "." not in name or ":" not in where:
            raise ConfigurationError(
                f"{_MORE} has '{item}'.",
                hint="Write exchange.market=module:function, with commas between.",
            )
        named[name] = where
    return named
