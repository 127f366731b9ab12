"""What Binance's markets share: where a frame belongs, what the exchange says of a connection, what is asked of REST.

Evidence: protocol page sections 3 and 4 (binance-spot-api-docs HEAD 2026-07-21; USD-M and COIN-M pages of 2026); the
recordings of 2023 and 2024 (frames, joins with diffs older than the snapshot, unbroken ``U``/``u``/``pu`` chains).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.binance import wire
from venues.binance.decoding import Decoding
from venues.binance.history import KEY_HEADER, PastTrades
from venues.binance.instruments import read_instruments
from venues.binance.plan import FUTURES_INTERVALS, connections, streams
from venues.history import numbered
from venues.interface import (
    Backfill,
    ConnectionPlan,
    Control,
    RestRequest,
    Route,
    StreamOptions,
    TradeSpan,
)
from venues.messages import Instrument

__all__ = ["Binance"]

_ENVELOPE = b'{"stream":"'
_LONGEST_NAME = 256
_MOST_NAMES = 100_000


class Binance(Decoding):
    """A market says by class attributes in what it differs."""

    book_channels = frozenset({"depth"})
    trade_sequence = "ids"
    trade_channels = frozenset({"trade", "aggTrade"})
    key_header = KEY_HEADER
    _streams: ClassVar[Mapping[str, str]]
    """What it offers (``venues.binance.plan``)."""
    kline_intervals = FUTURES_INTERVALS
    _paths: ClassVar[Mapping[str, str]] = {"": ""}
    """In front of ``/stream``: the part of the exchange that delivers a channel."""
    _past: ClassVar[PastTrades]
    _depth_path: str
    _info_path: str
    _info_weight: int
    _depth_weights: tuple[tuple[int, int], ...]
    """Allowed numbers of levels with the weight of a request up to each."""

    def __init__(self) -> None:
        super().__init__()
        self._route_of: dict[bytes, Route] = {}

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """One connection per path and 1024 streams."""
        names = list(streams(self._streams, self.kline_intervals, options))
        return connections(wire_symbols, names, self._paths, self.limits.streams_per_connection)

    def route(self, frame: bytes) -> Route | None:
        """The stream name at the head of the envelope says all; wherever it stands, it is found."""
        if frame.startswith(_ENVELOPE):
            name = frame[11 : frame.find(b'"', 11)]
        else:
            try:
                name = wire.read_combined(frame).stream.encode()
            except UNREADABLE:
                return None
        return self._route_of.get(name) or self._learn_route(name)

    def _learn_route(self, name: bytes) -> Route | None:
        if len(name) > _LONGEST_NAME:
            return None
        try:
            text = name.decode()
            if "\\" in text:  # JSON escapes: symbols may be of any script
                text = json.loads(f'"{text}"')
                text.encode()
        except ValueError:
            return None
        symbol, _, rest = text.partition("@")
        channel = rest.partition("@")[0]
        if not channel or not symbol or symbol.startswith("!"):
            return None
        if len(self._route_of) >= _MOST_NAMES:
            self._route_of.clear()
        route = self._route_of[name] = Route(channel, symbol.upper())
        return route

    def control(self, frame: bytes) -> Control:
        """``ack``, ``error`` with the exchange's text, ``shutdown`` (reconnect at once), else ``unknown``.

        No stream is ever named as refused: one that does not exist is acknowledged like any other (section 3.1).
        """
        try:
            answer = wire.read_answer(frame)
        except UNREADABLE as error:
            return Control("unknown", str(error))
        if answer.code is not None:
            return Control("error", f"{answer.code} {answer.msg}")
        if "serverShutdown" in (answer.e, answer.data.get("e")):
            return Control("shutdown")
        return Control("unknown" if answer.result is msgspec.UNSET else "ack")

    def instruments_request(self) -> RestRequest:
        """``exchangeInfo`` of all symbols."""
        return RestRequest(self._info_path, {}, self._info_weight)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """BASE-QUOTE from the exchange's own base and quote; a dated contract keeps its date behind them."""
        try:
            return read_instruments(body, self._scaled)
        except UNREADABLE as error:
            raise FrameError(f"Binance {self.market} exchangeInfo cannot be read: {error}.") from error

    def snapshot_request(self, wire_symbol: str, levels: int | None) -> RestRequest:
        """The fewest levels that are offered and enough, by weight as documented."""
        offered = [step for step in self._depth_weights if levels is not None and step[0] >= levels]
        limit, weight = offered[0] if offered else self._depth_weights[-1]
        return RestRequest(self._depth_path, {"symbol": wire_symbol, "limit": str(limit)}, weight)

    def backfill(self, wire_symbol: str, span: TradeSpan, *, aggregated: bool, has_key: bool) -> Backfill:
        """See :mod:`venues.binance.history`."""
        return self._past.way(
            wire_symbol,
            span,
            lambda body: numbered(self.decode_backfill(body)),
            aggregated=aggregated,
            has_key=has_key,
        )

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """``X-MBX-USED-WEIGHT-1M``."""
        text = headers.get("x-mbx-used-weight-1m", "")
        return int(text) if text.isdecimal() else None
