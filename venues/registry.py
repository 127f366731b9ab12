"""Which venues there are. An exchange is added by one line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from bookmill.errors import ConfigurationError
from venues.binance import BinanceSpot, BinanceUsdm
from venues.interface import Venue

__all__ = ["VENUES", "venue", "venues"]

VENUES: tuple[Callable[[], Venue], ...] = (BinanceSpot, BinanceUsdm)


def venues() -> Iterable[Venue]:
    """A new object for each venue."""
    return (make() for make in VENUES)


def venue(exchange: str, market: str) -> Venue:
    """The venue of that name; raises :class:`ConfigurationError` that names the nearest."""
    known = {(one.exchange, one.market): one for one in venues()}
    if (exchange, market) in known:
        return known[exchange, market]
    names = [".".join(key) for key in known]
    close = difflib.get_close_matches(f"{exchange}.{market}", names, n=1)
    raise ConfigurationError(
        f"There is no venue '{exchange}.{market}'.",
        hint=f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(names)}.",
    )
