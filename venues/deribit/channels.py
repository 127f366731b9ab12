"""Deribit's channel names and what they are here (protocol page, section 9).

``book.<instrument>.100ms``, ``trades.…``, ``ticker.…``, ``quote.<instrument>``, ``chart.trades.<instrument>.<resolution>``. A
:class:`Route` has the first word for its channel, charts their resolution with it: ``chart.trades.60``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from venues.interface import Channel, Route, StreamOptions

__all__ = ["INTERVALS", "OFFERED", "name_of", "route_of", "sources"]

INTERVALS = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "10": "10m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "180": "3h",
    "360": "6h",
    "720": "12h",
    "1D": "1d",
}
"""Intervals by a chart's resolution."""
_RESOLUTIONS = {interval: resolution for resolution, interval in INTERVALS.items()}

_SOURCES: dict[Channel, str] = {
    "book": "book",
    "best": "quote",
    "trades": "trades",
    "liquidations": "trades",
    "ticker": "ticker",
    "derivatives": "ticker",
}

OFFERED: frozenset[Channel] = frozenset({*_SOURCES, "klines"})

_NAME = re.compile(
    r"(?P<kind>book|trades|ticker)\.(?P<one>[^.]+)\.(?:raw|100ms|agg2)"
    r"|quote\.(?P<quoted>[^.]+)"
    r"|chart\.trades\.(?P<charted>[^.]+)\.(?P<resolution>\w+)"
)


def sources(options: StreamOptions) -> Iterator[str]:
    """The channels to ask for, each once: trades bring liquidations, tickers what a derivatives market says."""
    found: dict[str, None] = {}
    for channel in options.channels:
        if channel == "klines":
            wanted = (_RESOLUTIONS.get(interval) for interval in options.kline_intervals)
            found.update({f"chart.trades.{resolution}": None for resolution in wanted if resolution})
        else:
            found[_SOURCES[channel]] = None
    return iter(found)


def name_of(route: Route) -> str:
    """The exchange's name of a stream, in the form that everybody may have: ``raw`` is for those who log in."""
    if route.channel == "quote":
        return f"quote.{route.wire_symbol}"
    if route.channel.startswith("chart."):
        return f"chart.trades.{route.wire_symbol}.{route.channel.rpartition('.')[2]}"
    return f"{route.channel}.{route.wire_symbol}.100ms"


def route_of(name: str) -> Route | None:
    """The opposite, whatever its pace; None for channels of other kinds, grouped books among them."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if match["kind"]:
        return Route(match["kind"], match["one"])
    if match["quoted"]:
        return Route("quote", match["quoted"])
    return Route(f"chart.trades.{match['resolution']}", match["charted"])
