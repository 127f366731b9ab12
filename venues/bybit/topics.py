"""Bybit's topics: ``orderbook.1000.BTCUSDT`` is channel ``orderbook.1000`` of ``BTCUSDT`` (protocol page, section 6.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from venues.interface import Route

__all__ = ["BOOK_DEPTH", "INTERVALS", "named_topics", "route_of", "topic_of"]

BOOK_DEPTH = 1000
"""Levels a side of the deepest book that has its images in the stream."""

INTERVALS: dict[str, str] = {
    "1m": "1",
    "3m": "3",
    "5m": "5",
    "15m": "15",
    "30m": "30",
    "1h": "60",
    "2h": "120",
    "4h": "240",
    "6h": "360",
    "12h": "720",
    "1d": "D",
    "1w": "W",
}
"""The exchange's words for bars, by ours. Its months (``M``) are left out: their length is not fixed."""

_WITH_ARGUMENT = ("orderbook", "kline")
_TOPIC = re.compile(r"\b(?:(?:orderbook|kline)\.\w+|publicTrade|tickers|allLiquidation)\.[\w-]+")


def topic_of(route: Route) -> str:
    """What is subscribed to for a route."""
    return f"{route.channel}.{route.wire_symbol}"


def route_of(topic: str) -> Route | None:
    """Channel and symbol of a topic; None where it has no symbol."""
    kind, _, rest = topic.partition(".")
    if kind in _WITH_ARGUMENT:
        argument, _, rest = rest.partition(".")
        kind = f"{kind}.{argument}"
    return Route(kind, rest) if rest else None


def named_topics(texts: Iterable[str]) -> tuple[Route, ...]:
    """The streams that error texts name: ``error:handler not found,topic:orderbook.50.NOPEUSDT``."""
    found = (route_of(topic) for text in texts for topic in _TOPIC.findall(text))
    return tuple(route for route in found if route is not None)
