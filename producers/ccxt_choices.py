"""What ccxt has to be told of an exchange so that polling costs little and gives what the socket would have given.

Evidence: ccxt 4.5's own sources (``async_support/<exchange>.py``: ``options``, ``fetch_trades``) and the exchanges' pages of the
calls behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Choices", "choices", "wanted_types"]


@dataclass(frozen=True)
class Choices:
    """``trades``: how many are asked for, the exchange's usual number where None. ``each_trade``: the call that gives single
    trades where ccxt's own ``fetch_trades`` gives aggregated ones (``aggregates``), and so other ids. ``listing``: what the call for
    the instruments has to say beside.
    """

    trades: int | None = None
    each_trade: str = ""
    aggregates: bool = False
    listing: Mapping[str, str] = field(default_factory=dict)


_CHOICES: Mapping[str, Choices] = {
    "binance": Choices(1000, "publicGetTrades", aggregates=True),
    "binanceusdm": Choices(1000, "fapiPublicGetTrades", aggregates=True),
    "binancecoinm": Choices(1000, aggregates=True),
    "okx": Choices(500),
    "bybit": Choices(1000),
    "kraken": Choices(1000),
    "coinbaseexchange": Choices(1000),
    "coinbase": Choices(1000),
    "deribit": Choices(1000, listing={"currency": "any"}),
}
_USUAL = Choices()

_TYPES: Mapping[str, frozenset[str]] = {
    "spot": frozenset({"spot"}),
    "swap": frozenset({"swap", "linear", "inverse"}),
    "futures": frozenset({"future", "linear", "inverse"}),
    "option": frozenset({"option"}),
    "linear": frozenset({"linear", "swap", "future"}),
    "inverse": frozenset({"inverse", "swap", "future"}),
    "usdm": frozenset({"linear", "swap", "future"}),
    "coinm": frozenset({"inverse", "swap", "future"}),
}
"""ccxt's words for the listings an exchange has, by our market."""


def choices(ccxt_id: str) -> Choices:
    """Those of the exchange."""
    return _CHOICES.get(ccxt_id, _USUAL)


def wanted_types(options: Mapping[str, Any], market: str) -> list[str]:
    """Which of an exchange's listings have to be asked for; none where ccxt does not let one choose."""
    fetch = options.get("fetchMarkets")
    types = fetch.get("types") if isinstance(fetch, Mapping) else None
    if not isinstance(types, list):
        return []
    return [one for one in types if one in _TYPES[market]]
