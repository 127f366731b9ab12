"""What is traded on a market: prices of one symbol are compared only between markets of the same kind."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

__all__ = ["MarketKind", "market_kind"]

MarketKind = Literal["spot", "perpetual", "future", "option"]

_DAY = re.compile(r"\d{6}", re.ASCII)
_SIDES = frozenset({"C", "P"})


@lru_cache(maxsize=1 << 16)
def market_kind(market: str, symbol: str) -> MarketKind:
    """The kind of an instrument. What follows base and quote says it: a day (``BTC-USD-261225``) is that of a dated contract,
    strike and side behind it (``BTC-USD-261225-90000-C``) are an option's; a contract without a day is a perpetual."""
    more = symbol.split("-")[2:]
    if market == "spot":
        return "spot"
    if market == "option" or (more and more[-1] in _SIDES):
        return "option"
    return "future" if any(map(_DAY.fullmatch, more)) else "perpetual"
