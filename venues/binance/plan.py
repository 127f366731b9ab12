"""Which streams are asked for, and on which connections: what of a plan is pure arithmetic (sections 3.1, 4.1 and 4.5)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from venues.adapter import chunks
from venues.interface import ConnectionPlan, Route, StreamOptions

__all__ = ["FUTURES_INTERVALS", "FUTURES_STREAMS", "SPOT_INTERVALS", "SPOT_STREAMS", "connections", "streams"]

SPOT_STREAMS: Mapping[str, str] = {
    "book": "depth@100ms",
    "best": "bookTicker",
    "trades": "trade",
    "ticker": "ticker",
    "klines": "kline_",
}
"""What stands behind ``<symbol>@`` by the channel of the settings."""

FUTURES_STREAMS: Mapping[str, str] = {
    **SPOT_STREAMS,
    "derivatives": "markPrice@1s",
    "liquidations": "forceOrder",
}

# fmt: off
FUTURES_INTERVALS: tuple[str, ...] = (
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
)
# fmt: on
SPOT_INTERVALS = ("1s", *FUTURES_INTERVALS)

_STREAMS_IN_URL = 100
_STREAMS_IN_REQUEST = 200
_RARE = "forceOrder"


def streams(offered: Mapping[str, str], intervals: Collection[str], options: StreamOptions) -> Iterator[str]:
    """What stands behind ``<symbol>@`` for each of the channels asked for that are offered."""
    for channel in dict.fromkeys(options.channels):
        stream = offered.get(channel)
        if stream is None:
            continue
        if channel == "klines":
            asked = dict.fromkeys(options.kline_intervals)
            yield from (f"{stream}{interval}" for interval in asked if interval in intervals)
        elif channel == "trades" and options.aggregated_trades:
            yield "aggTrade"
        else:
            yield stream


def connections(
    wire_symbols: Sequence[str], names: Sequence[str], paths: Mapping[str, str], most: int
) -> list[ConnectionPlan]:
    """One connection per path and ``most`` streams; the first hundred streams in its address, the rest in SUBSCRIBE frames.

    ``paths``: in front of ``/stream``, by channel, ``""`` for those not named.
    """
    by_path: dict[str, list[tuple[Route, str]]] = {}
    for symbol in wire_symbols:
        for name in names:
            channel = name.partition("@")[0]
            by_path.setdefault(paths.get(channel, paths[""]), []).append(
                (Route(channel, symbol), f"{symbol.lower()}@{name}")
            )
    return [_connection(path, chunk) for path, flowing in by_path.items() for chunk in chunks(flowing, most)]


def _connection(path: str, chunk: Sequence[tuple[Route, str]]) -> ConnectionPlan:
    names = [stream for _, stream in chunk]
    requests = (
        json.dumps({"method": "SUBSCRIBE", "params": params, "id": number}, separators=(",", ":"))
        for number, params in enumerate(chunks(names[_STREAMS_IN_URL:], _STREAMS_IN_REQUEST), 1)
    )
    return ConnectionPlan(
        path=f"{path}/stream?streams={'/'.join(names[:_STREAMS_IN_URL])}",
        requests=tuple(requests),
        routes=tuple(route for route, _ in chunk),
        rare=frozenset(route for route, _ in chunk if route.channel == _RARE),
    )
