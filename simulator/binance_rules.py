"""Where the REST of Binance's markets lives and what its calls cost (protocol page, sections 3.4, 4.3 and 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.binance_names import Market

__all__ = ["COINM_REST", "SPOT_REST", "USDM_REST", "RestRules", "Weights"]

Weights = tuple[tuple[int, int], ...]
"""What a call costs by its limit: (up to this one, weight), in order."""


@dataclass(frozen=True)
class RestRules:
    """Where the market's REST lives and what it costs. ``weights`` are those of calls about one instrument and, where they can
    be asked so, about all; a call that is not there does not exist on the market."""

    market: Market
    prefix: str
    weight_a_minute: int
    depth_weights: Weights
    default_limit: int
    info_weight: int
    fixed_limits: frozenset[int] = frozenset()  # the only allowed ones; empty: any up to the greatest
    weights: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    kline_weights: Weights = ()
    symbols_weights: Weights = ()  # of a call that names several instruments, by their number
    keyed: frozenset[str] = frozenset()  # calls that want a key


_FUTURES_DEPTH: Weights = ((50, 2), (100, 5), (500, 10), (1000, 20))
_FUTURES_LIMITS = frozenset({5, 10, 20, 50, 100, 500, 1000})
_FUTURES_KLINES: Weights = ((99, 1), (499, 2), (1000, 5), (1500, 10))
_FUTURES_WEIGHTS: dict[str, tuple[int, int | None]] = {
    "trades": (5, None),
    "aggTrades": (20, None),
    "ticker/24hr": (1, 40),
    "openInterest": (1, None),
}
SPOT_REST = RestRules(
    "spot",
    "/api/v3",
    6000,
    ((100, 5), (500, 25), (1000, 50), (5000, 250)),
    default_limit=100,
    info_weight=20,
    weights={
        "trades": (25, None),
        "historicalTrades": (25, None),
        "aggTrades": (4, None),
        "ticker/24hr": (2, 80),
    },
    kline_weights=((1000, 2),),
    symbols_weights=((20, 2), (100, 40), (10**9, 80)),
)
USDM_REST = RestRules(
    "usdm",
    "/fapi/v1",
    2400,
    _FUTURES_DEPTH,
    default_limit=500,
    info_weight=1,
    fixed_limits=_FUTURES_LIMITS,
    weights={**_FUTURES_WEIGHTS, "historicalTrades": (200, None), "premiumIndex": (1, 10)},
    kline_weights=_FUTURES_KLINES,
    keyed=frozenset({"historicalTrades"}),
)
COINM_REST = RestRules(
    "coinm",
    "/dapi/v1",
    2400,
    _FUTURES_DEPTH,
    default_limit=500,
    info_weight=1,
    fixed_limits=_FUTURES_LIMITS,
    weights={**_FUTURES_WEIGHTS, "premiumIndex": (10, 10)},
    kline_weights=_FUTURES_KLINES,
)
