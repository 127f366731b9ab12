"""Bybit's spot, linear and inverse markets: what is asked of them and what they say.

Evidence: protocol page section 6 (bybit-exchange/docs HEAD 2026-07-24, live frames of 2026-09) and ``docs/venues/bybit.md``,
which says where each fact is from and which are not verified.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, chunks
from venues.bybit import wire
from venues.bybit.continuity import BybitContinuity
from venues.bybit.frames import BybitFrames
from venues.bybit.listing import instrument
from venues.bybit.topics import BOOK_DEPTH, INTERVALS, named_topics, route_of, topic_of
from venues.history import OnePage, Past
from venues.interface import (
    CHANNELS,
    Backfill,
    Channel,
    ConnectionPlan,
    Continuity,
    Control,
    KeepAlive,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
    TradeSpan,
)
from venues.messages import Instrument
from venues.units import Unit

__all__ = ["BybitInverse", "BybitLinear", "BybitSpot"]

_TOPIC = b'{"topic":"'
_LONGEST = 128
_MOST_ROUTES = 100_000
_ARGS_IN_REQUEST = 10
"""Spot's limit; the other markets have none, and are asked the same way."""
_ARGS_LENGTH = 21_000
"""Characters of all topics of a connection, as JSON."""
_DERIVATIVES = ("derivatives", "liquidations")


class _Bybit(BybitFrames):
    """What the three markets share. ``market`` is also the exchange's ``category``."""

    exchange = "bybit"
    ccxt_id = "bybit"
    websocket_url = "wss://stream.bybit.com"
    rest_url = "https://api.bybit.com"
    # 600 calls in any 5 s. Counted by the minute, the same number can never come too fast.
    limits = Limits(
        weight_per_minute=600,
        streams_per_connection=500,
        requests_per_s=10,
        session_s=float("inf"),
        ban_s=600.0,
    )
    continuity: Continuity = BybitContinuity()
    keep_alive: KeepAlive | None = KeepAlive(20.0, '{"op":"ping"}')
    kline_intervals = tuple(INTERVALS)
    depths = (BOOK_DEPTH, 200, 50)
    depth = BOOK_DEPTH
    trade_channels = frozenset({"publicTrade"})
    _past_trades_told: int = 1000
    """The most of one answer; there is no way to older ones."""

    def __init__(self) -> None:
        super().__init__()
        self._route_of: dict[bytes, Route] = {}

    @property
    def image_channels(self) -> frozenset[str]:  # type: ignore[override]
        """Its books, whose depth the channel names."""
        return frozenset({f"orderbook.{self.depth}"})

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """An instrument's topics stand in requests of their own: one bad topic fails its whole list, and so costs no other instrument."""
        plans = []
        routes: list[Route] = []
        length = 0
        for symbol in wire_symbols:
            more = list(self._routes(symbol, options))
            size = sum(len(topic_of(route)) + 3 for route in more)
            if routes and (
                length + size > _ARGS_LENGTH or len(routes) + len(more) > self.limits.streams_per_connection
            ):
                plans.append(self._connection(routes))
                routes, length = [], 0
            routes += more
            length += size
        return [*plans, self._connection(routes)] if routes else plans

    def _routes(self, symbol: str, options: StreamOptions) -> Iterator[Route]:
        """``tickers`` once, whether tickers, derivatives or both are wanted: the exchange sends both in it."""
        wanted = self.channels.intersection(options.channels)
        if "book" in wanted:
            yield Route(f"orderbook.{self.depth}", symbol)
        if "best" in wanted:
            yield Route("orderbook.1", symbol)
        if "trades" in wanted:
            yield Route("publicTrade", symbol)
        if wanted & {"ticker", "derivatives"}:
            yield Route("tickers", symbol)
        if "klines" in wanted:
            for interval in options.kline_intervals:
                if interval in INTERVALS:
                    yield Route(f"kline.{INTERVALS[interval]}", symbol)
        if "liquidations" in wanted:
            yield Route("allLiquidation", symbol)

    def _connection(self, routes: Sequence[Route]) -> ConnectionPlan:
        by_symbol: dict[str, list[str]] = {}
        for route in routes:
            by_symbol.setdefault(route.wire_symbol, []).append(topic_of(route))
        return ConnectionPlan(
            path=f"/v5/public/{self.market}",
            requests=tuple(
                _request("subscribe", part)
                for topics in by_symbol.values()
                for part in chunks(topics, _ARGS_IN_REQUEST)
            ),
            routes=tuple(routes),
            rare=frozenset(route for route in routes if route.channel == "allLiquidation"),
        )

    def route(self, frame: bytes) -> Route | None:
        """The topic at the head of the frame says all; wherever it stands, it is found."""
        if frame.startswith(_TOPIC):
            end = frame.find(b'"', 10, _LONGEST)
            if end < 0:
                return None
            name = frame[10:end]
        elif b'"topic"' in frame:
            try:
                name = wire.read_topic(frame).topic.encode()
            except UNREADABLE:
                return None
        else:
            return None
        return self._route_of.get(name) or self._learn_route(name)

    def _learn_route(self, name: bytes) -> Route | None:
        route = route_of(name.decode("utf-8", "replace"))
        if route is not None:
            if len(self._route_of) >= _MOST_ROUTES:
                self._route_of.clear()
            self._route_of[name] = route
        return route

    def control(self, frame: bytes) -> Control:
        """Pongs (three forms), acknowledgements (three forms), refusals with the topics they name.

        ``already subscribed`` is no fault: the stream flows. A text that is no JSON is what the exchange says to one that is none.
        """
        try:
            answer = wire.read_answer(frame)
        except UNREADABLE as error:
            text = frame.decode("utf-8", "replace")
            return (
                Control("error", text)
                if text.startswith("Failed to decode")
                else Control("unknown", str(error))
            )
        if answer.op == "pong" or (answer.op == "ping" and answer.success):
            return Control("alive")
        if answer.data is not None and answer.data.failTopics:
            failed = answer.data.failTopics
            return Control("error", f"refused: {', '.join(failed)}", refused=named_topics(failed))
        if answer.success is None:
            return Control("unknown")
        if answer.success or "already subscribed" in answer.ret_msg:
            return Control("ack")
        return Control("error", answer.ret_msg or "no reason given", refused=named_topics([answer.ret_msg]))

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """Unsubscribing and subscribing anew brings an image; subscribing twice does not."""
        topic = topic_of(Route(f"orderbook.{self.depth}", wire_symbol))
        return [_request("unsubscribe", [topic]), _request("subscribe", [topic])]

    def instruments_request(self) -> RestRequest:
        """The first thousand that are traded, the most of one answer; what is behind them needs a cursor and is not asked for."""
        return RestRequest(
            "/v5/market/instruments-info", {"category": self.market, "limit": "1000"}, weight=1
        )

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """BASE-QUOTE from the exchange's own coins; contracts with a delivery have its date behind them."""
        try:
            answer = wire.read_instruments(body)
            if answer.retCode:
                raise FrameError(f"Bybit {self.market} lists nothing: {answer.retCode} {answer.retMsg}.")
            return [instrument(symbol, self._unit, self._scaled) for symbol in answer.result.symbols or ()]
        except UNREADABLE as error:
            raise FrameError(f"Bybit {self.market} instruments-info cannot be read: {error}.") from error

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  there is one form
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """``recent-trade``, the latest of all: ids do not count, times say how far back they reach."""
        most = self._past_trades_told
        params = {"category": self.market, "symbol": wire_symbol, "limit": str(most)}
        return OnePage(
            TradeSpan(since_micros=span.since_micros, until_micros=span.until_micros),
            lambda body: [
                Past(place, trade.exchange_time_micros or 0)
                for place, trade in enumerate(self.decode_backfill(body))
            ],
            RestRequest("/v5/market/recent-trade", params, weight=1),
            most=most,
            counted=False,
        )


class BybitSpot(_Bybit):
    """Spot: ten topics a request, tickers are whole each time."""

    market = "spot"
    channels: frozenset[Channel] = frozenset(CHANNELS).difference(_DERIVATIVES)
    _past_trades_told = 60
    _decoders: ClassVar[Mapping[str, str]] = BybitFrames.SPOT


class BybitLinear(_Bybit):
    """Contracts settled in USDT or USDC; quantities are base units."""

    market = "linear"
    channels: frozenset[Channel] = frozenset(CHANNELS)
    _decoders: ClassVar[Mapping[str, str]] = BybitFrames.CONTRACTS


class BybitInverse(_Bybit):
    """Contracts of 1 USD settled in the coin; volume and turnover change places against the other markets."""

    market = "inverse"
    contracts = True
    channels: frozenset[Channel] = frozenset(CHANNELS)
    _decoders: ClassVar[Mapping[str, str]] = BybitFrames.CONTRACTS
    _unit = Unit(inverse=True)


def _request(op: str, topics: Sequence[str]) -> str:
    return json.dumps({"op": op, "args": topics}, separators=(",", ":"))
