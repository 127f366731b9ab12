"""Binance spot and USD-M futures: what is asked of it, what it says, how its books are kept.

Evidence: protocol page sections 3 and 4 (binance-spot-api-docs HEAD 2026-07-21; USD-M Connect pages of 2026); the
recordings of 2023 and 2024 (frames, joins with diffs older than the snapshot, unbroken ``U``/``u``/``pu`` chains).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

import msgspec

from bookmill.errors import FrameError
from venues.binance import wire
from venues.binance.continuity import SpotContinuity, UsdmContinuity
from venues.interface import (
    ConnectionPlan,
    Continuity,
    Control,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
)
from venues.messages import BestBidAsk, BookDiff, BookImage, Instrument, Message, Trade
from venues.numbers import ScaledNumbers

__all__ = ["BinanceSpot", "BinanceUsdm"]

_T = TypeVar("_T")

_ENVELOPE = b'{"stream":"'
_STREAMS_IN_URL = 100
_STREAMS_IN_REQUEST = 200


class _Binance:
    """What both markets share."""

    exchange = "binance"
    market: str
    continuity: Continuity
    _routes: ClassVar[dict[str, str]]
    """Path prefix of the websocket route that delivers a channel."""
    _depth_path: str
    _info_path: str
    _info_weight: int
    _depth_weights: tuple[tuple[int, int], ...]
    """Allowed numbers of levels with the weight of a request up to each."""
    limits: Limits

    def __init__(self) -> None:
        self._scaled = ScaledNumbers()
        self._route_of: dict[bytes, Route] = {}
        self._decoders: dict[str, Callable[[bytes], Sequence[Message]]] = {
            "depth": self._depth,
            "bookTicker": self._book_ticker,
            "trade": self._trade,
            "aggTrade": self._agg_trade,
        }

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """One connection per route and 1024 streams; the first hundred streams in its address, the rest in SUBSCRIBE frames."""
        by_route: dict[str, list[tuple[Route, str]]] = {}
        for symbol in wire_symbols:
            for channel in options.channels:
                suffix = "@100ms" if channel == "depth" else ""
                stream = f"{symbol.lower()}@{channel}{suffix}"
                by_route.setdefault(self._routes.get(channel, self._routes[""]), []).append(
                    (Route(channel, symbol), stream)
                )
        return [
            self._connection(route, chunk)
            for route, streams in by_route.items()
            for chunk in _chunks(streams, self.limits.streams_per_connection)
        ]

    @staticmethod
    def _connection(route: str, chunk: Sequence[tuple[Route, str]]) -> ConnectionPlan:
        names = [stream for _, stream in chunk]
        requests = (
            json.dumps({"method": "SUBSCRIBE", "params": params, "id": number}, separators=(",", ":"))
            for number, params in enumerate(_chunks(names[_STREAMS_IN_URL:], _STREAMS_IN_REQUEST), 1)
        )
        return ConnectionPlan(
            path=f"{route}/stream?streams={'/'.join(names[:_STREAMS_IN_URL])}",
            requests=tuple(requests),
            routes=tuple(flowing for flowing, _ in chunk),
        )

    def route(self, frame: bytes) -> Route | None:
        """The stream name at the head of the envelope says all; wherever it stands, it is found."""
        if frame.startswith(_ENVELOPE):
            name = frame[11 : frame.find(b'"', 11)]
        else:
            try:
                name = wire.read_combined(frame).stream.encode()
            except msgspec.MsgspecError:
                return None
        route = self._route_of.get(name)
        return route or self._learn_route(name)

    def _learn_route(self, name: bytes) -> Route | None:
        text = name.decode("utf-8", "replace")
        if "\\" in text:  # JSON escapes: symbols may be of any script
            text = json.loads(f'"{text}"')
        symbol, _, rest = text.partition("@")
        if not rest or symbol.startswith("!"):
            return None
        if len(self._route_of) >= 100_000:
            self._route_of.clear()
        route = self._route_of[name] = Route(rest.partition("@")[0], symbol.upper())
        return route

    def control(self, frame: bytes) -> Control:
        """``ack``, ``error`` with the exchange's text, ``shutdown`` (reconnect at once), else ``unknown``."""
        try:
            answer = wire.read_answer(frame)
        except msgspec.MsgspecError as error:
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
            return [self._instrument(symbol) for symbol in wire.read_instruments(body).symbols]
        except (msgspec.MsgspecError, KeyError) as error:
            raise FrameError(f"Binance {self.market} exchangeInfo cannot be read: {error}.") from error

    def _instrument(self, symbol: wire.Symbol) -> Instrument:
        filters = {item["filterType"]: item for item in symbol.filters}
        dated = symbol.symbol.partition("_")[2] if not symbol.contractType.endswith("PERPETUAL") else ""
        return Instrument(
            wire_symbol=symbol.symbol,
            symbol="-".join(filter(None, (symbol.baseAsset, symbol.quoteAsset, dated))),
            base=symbol.baseAsset,
            quote=symbol.quoteAsset,
            tick=self._scaled[filters["PRICE_FILTER"]["tickSize"]],
            lot=self._scaled[filters["LOT_SIZE"]["stepSize"]],
            trading=symbol.status == "TRADING",
        )

    def snapshot_request(self, wire_symbol: str, levels: int | None) -> RestRequest:
        """The fewest levels that are offered and enough, by weight as documented."""
        offered = [step for step in self._depth_weights if levels is not None and step[0] >= levels]
        limit, weight = offered[0] if offered else self._depth_weights[-1]
        return RestRequest(self._depth_path, {"symbol": wire_symbol, "limit": str(limit)}, weight)

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """``X-MBX-USED-WEIGHT-1M``."""
        text = headers.get("x-mbx-used-weight-1m", "")
        return int(text) if text.isdecimal() else None

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:
        """Depth, bookTicker, trade and aggTrade frames; frames of other channels say nothing to us yet: no message."""
        decoder = self._decoders.get(channel)
        if decoder is None:
            return ()
        try:
            return decoder(frame)
        except msgspec.MsgspecError as error:
            raise FrameError(f"Not a Binance {channel} frame: {error}.") from error

    def decode_snapshot(self, body: bytes) -> BookImage:
        """A REST depth answer. A new listing's ``lastUpdateId`` of -1 is kept: no diff will follow it."""
        try:
            data = wire.read_snapshot(body)
        except msgspec.MsgspecError as error:
            raise FrameError(f"Not a Binance depth snapshot: {error}.") from error
        scaled = self._scaled
        return BookImage(
            data.lastUpdateId,
            [(scaled[p], scaled[q]) for p, q in data.bids],
            [(scaled[p], scaled[q]) for p, q in data.asks],
            None if data.T is None else data.T * 1000,
        )

    def _depth(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_depth(frame).data
        if data.u < data.U:
            raise FrameError(f"A Binance depth frame ends before it starts: U {data.U}, u {data.u}.")
        scaled = self._scaled
        return (
            BookDiff(
                data.U,
                data.u,
                data.pu,
                [(scaled[p], scaled[q]) for p, q in data.b],
                [(scaled[p], scaled[q]) for p, q in data.a],
                (data.E if data.T is None else data.T) * 1000,
            ),
        )

    def _book_ticker(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_book_ticker(frame).data
        scaled = self._scaled
        time_ms = data.T
        return (
            BestBidAsk(
                data.u,
                scaled[data.b],
                scaled[data.B],
                scaled[data.a],
                scaled[data.A],
                None if time_ms is None else time_ms * 1000,
            ),
        )

    def _trade(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_trade(frame).data
        if data.X != "MARKET":  # insurance fund, auto-deleveraging: no trade of the book
            return ()
        scaled = self._scaled
        return (
            Trade(str(data.t), scaled[data.p], scaled[data.q], "SELL" if data.m else "BUY", data.T * 1000),
        )

    def _agg_trade(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_agg_trade(frame).data
        scaled = self._scaled
        return (
            Trade(
                str(data.a),
                scaled[data.p],
                scaled[data.q],
                "SELL" if data.m else "BUY",
                data.T * 1000,
                aggregated=True,
            ),
        )


class BinanceSpot(_Binance):
    """Spot: 6000 weight a minute, strictly 5 messages a second, sessions of 24 hours."""

    market = "spot"
    websocket_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    limits = Limits(weight_per_minute=6000, streams_per_connection=1024, requests_per_s=5, session_s=86_400)
    continuity: Continuity = SpotContinuity()
    _routes: ClassVar[dict[str, str]] = {"": ""}
    _depth_path = "/api/v3/depth"
    _info_path = "/api/v3/exchangeInfo"
    _info_weight = 20
    _depth_weights = ((100, 5), (500, 25), (1000, 50), (5000, 250))


class BinanceUsdm(_Binance):
    """USD-M: books, best bid-ask and trades come on ``/public``, aggregated trades on ``/market``; a stream asked on the
    wrong route is acknowledged and never sent (section 4.1)."""

    market = "usdm"
    websocket_url = "wss://fstream.binance.com"
    rest_url = "https://fapi.binance.com"
    limits = Limits(weight_per_minute=2400, streams_per_connection=1024, requests_per_s=10, session_s=86_400)
    continuity: Continuity = UsdmContinuity()
    _routes: ClassVar[dict[str, str]] = {
        "": "/market",
        "depth": "/public",
        "bookTicker": "/public",
        "trade": "/public",
    }
    _depth_path = "/fapi/v1/depth"
    _info_path = "/fapi/v1/exchangeInfo"
    _info_weight = 1
    _depth_weights = ((5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1000, 20))


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
