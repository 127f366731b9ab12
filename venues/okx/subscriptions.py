"""What is asked of OKX, and how it is spread over connections (protocol page, sections 2.1, 5.1, 5.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from venues.adapter import chunks
from venues.interface import ConnectionPlan, Route, StreamOptions

__all__ = ["BARS", "INDEX", "LIQUIDATIONS", "argument", "plan", "request", "swap_of"]

LIQUIDATIONS = "liquidation-orders"
INDEX = "index-tickers"
BARS: Mapping[str, str] = {
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1H",
    "2h": "2H",
    "4h": "4H",
    "1d": "1Dutc",
}
"""The exchange's bars by ours. Those of a day open at UTC+8 unless they are called ``1Dutc``."""

_PUBLIC = "/ws/v5/public"
_BUSINESS = "/ws/v5/business"

# The documents advise fewer than 30 depth subscriptions a connection, which is no limit: a hundred keep the number of
# connections of a whole market small (3 a second may be opened), and a lost connection concerns a hundred books at most.
_INSTRUMENTS_A_CONNECTION = 100
_ARGS_BYTES = 64_000
"""All arguments of a connection; the limit is 64 KiB."""
_ARGS_A_REQUEST = 100

_SWAP = "-SWAP"


class _Stream(NamedTuple):
    """A stream and the argument that asks for it."""

    route: Route
    arg: str


def plan(
    wire_symbols: Sequence[str], options: StreamOptions, *, kind: str, derivatives: Sequence[str]
) -> Sequence[ConnectionPlan]:
    """Candles and single matches come on ``/business``, the rest on ``/public``; each has its connections.

    ``kind`` is the exchange's instrument type (SPOT, SWAP, FUTURES), ``derivatives`` the channels of what a contract has
    beside its book. Liquidations come for a whole type: one connection asks for them, on behalf of all.
    """
    channels = list(_channels(options, derivatives))
    plans = []
    for path in (_PUBLIC, _BUSINESS):
        names = [name for where, name in channels if where == path]
        wide = path == _PUBLIC and kind != "SPOT" and "liquidations" in options.channels
        if not names and not wide:
            continue
        packed = _packed([[_stream(name, symbol) for name in names] for symbol in wire_symbols])
        for number, streams in enumerate(packed):
            args, routes = [stream.arg for stream in streams], [stream.route for stream in streams]
            rare: list[Route] = []
            if wide and number == 0:
                rare = [Route(LIQUIDATIONS, symbol) for symbol in wire_symbols]
                args.append(_json({"channel": LIQUIDATIONS, "instType": kind}))
            requests = tuple(
                request("subscribe", some, str(count))
                for count, some in enumerate(chunks(args, _ARGS_A_REQUEST), 1)
            )
            plans.append(ConnectionPlan(path, requests, (*routes, *rare), frozenset(rare)))
    return plans


def request(operation: str, args: Iterable[str], number: str = "") -> str:
    """The text of a request; ``number`` comes back with its acknowledgements."""
    head = f'"id":"{number}",' if number else ""
    return f'{{{head}"op":"{operation}","args":[{",".join(args)}]}}'


def argument(channel: str, wire_symbol: str) -> str:
    """What asks for a stream. The index a swap follows is named like its family."""
    asked = wire_symbol.removesuffix(_SWAP) if channel == INDEX else wire_symbol
    return _json({"channel": channel, "instId": asked})


def swap_of(index: str) -> str:
    """The swap that follows an index."""
    return index + _SWAP


def _channels(options: StreamOptions, derivatives: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Path and channel, each once."""
    bars = dict.fromkeys(BARS[interval] for interval in options.kline_intervals if interval in BARS)
    trades = (_PUBLIC, "trades") if options.aggregated_trades else (_BUSINESS, "trades-all")
    offered = {
        "book": [(_PUBLIC, "books")],
        "best": [(_PUBLIC, "bbo-tbt")],
        "trades": [trades],
        "ticker": [(_PUBLIC, "tickers")],
        "klines": [(_BUSINESS, f"candle{bar}") for bar in bars],
        "derivatives": [(_PUBLIC, name) for name in derivatives],
    }
    return dict.fromkeys(stream for channel in options.channels for stream in offered.get(channel, ()))


def _stream(channel: str, wire_symbol: str) -> _Stream:
    return _Stream(Route(channel, wire_symbol), argument(channel, wire_symbol))


def _packed(instruments: Sequence[Sequence[_Stream]]) -> Iterable[Sequence[_Stream]]:
    """Instruments together on a connection as long as both limits allow it, each whole; at least one connection."""
    streams: list[_Stream] = []
    count = size = 0
    for wanted in instruments:
        more = sum(len(stream.arg) + 1 for stream in wanted)
        if count == _INSTRUMENTS_A_CONNECTION or (count and size + more > _ARGS_BYTES):
            yield streams
            streams, count, size = [], 0, 0
        streams.extend(wanted)
        count += 1
        size += more
    yield streams


def _json(arg: Mapping[str, str]) -> str:
    return json.dumps(arg, separators=(",", ":"))
