"""Deribit's perpetuals, dated futures and options: what is asked of it, what it answers, how its books are kept.

Evidence: protocol page, section 9 (documents and a probe of the socket of 2026-09-22; frames of nautilus_trader's tests); the
recording of 2021 (option books whose ``prev_change_id`` chain has no gap). More on ``docs/venues/deribit.md``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from venues.adapter import UNREADABLE, Following, chunks
from venues.deribit import history, instruments, wire
from venues.deribit.channels import INTERVALS, OFFERED, name_of, route_of, sources
from venues.deribit.frames import DeribitFrames
from venues.interface import (
    Backfill,
    Channel,
    ConnectionPlan,
    Continuity,
    Control,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
    TradeSpan,
)
from venues.messages import Instrument

__all__ = ["DeribitFutures", "DeribitOption", "DeribitSwap"]

_NAME = b'"channel":"'
_MOST_NAMES = 100_000

_HEARTBEAT, _TEST, _UNSUBSCRIBE, _FIRST_SUBSCRIBE = 1, 2, 3, 10
"""Request ids; each list of channels that is subscribed has one of its own."""
_HEARTBEAT_S = 30


def _request(number: int, method: str, **params: object) -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}, separators=(",", ":")
    )


_SET_HEARTBEAT = _request(_HEARTBEAT, "public/set_heartbeat", interval=_HEARTBEAT_S)
_TEST_REPLY = _request(_TEST, "public/test")


class _Deribit(DeribitFrames):
    """What the three markets share: one address, one language; they differ in what is listed."""

    exchange = "deribit"
    ccxt_id = "deribit"
    websocket_url = "wss://www.deribit.com"
    rest_url = "https://www.deribit.com"
    # get_instruments may be called once a second; past trades, the only other call, cost a twentieth of that.
    # 500 channels are what one subscribe call takes, of which 3.3 a second are allowed.
    limits = Limits(weight_per_minute=60, streams_per_connection=500, requests_per_s=3, session_s=math.inf)
    continuity: Continuity = Following()
    channels: frozenset[Channel] = OFFERED
    kline_intervals = tuple(INTERVALS.values())
    image_channels = frozenset({"book"})
    trade_sequence = "beside"
    trade_channels = frozenset({"trades"})

    _kind: ClassVar[str] = "future"
    _rare: ClassVar[tuple[str, ...]] = ("trades",)
    """Beginnings of channels that may be silent for hours; books and tickers are sent at once."""

    def __init__(self) -> None:
        super().__init__()
        self._route_of: dict[bytes, Route] = {}
        self._ids: dict[tuple[str, ...], int] = {}
        self._asked: dict[int, tuple[str, ...]] = {}

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """500 channels a connection, asked for in one call after the heartbeat, without which an idle socket dies."""
        kinds = list(sources(options))
        routes = [Route(kind, symbol) for symbol in wire_symbols for kind in kinds]
        return [
            ConnectionPlan(
                path="/ws/api/v2",
                requests=(_SET_HEARTBEAT, self._subscribe(chunk)),
                routes=tuple(chunk),
                rare=frozenset(route for route in chunk if route.channel.startswith(self._rare)),
            )
            for chunk in chunks(routes, self.limits.streams_per_connection)
        ]

    def _subscribe(self, routes: Sequence[Route]) -> str:
        """The request. What it asks for is remembered, each list once: the answer leaves out what it does not accept."""
        names = tuple(map(name_of, routes))
        number = self._ids.setdefault(names, _FIRST_SUBSCRIBE + len(self._ids))
        self._asked[number] = names
        return _request(number, "public/subscribe", channels=names)

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """Out first: a channel that is subscribed again is acknowledged, and brings no image."""
        route = Route("book", wire_symbol)
        out = _request(_UNSUBSCRIBE, "public/unsubscribe", channels=[name_of(route)])
        return [out, self._subscribe([route])]

    def route(self, frame: bytes) -> Route | None:
        """By the channel's name, which stands near the head of the frame."""
        start = frame.find(_NAME)
        if start >= 0:
            start += len(_NAME)
            name = frame[start : frame.find(b'"', start)]
            return self._route_of.get(name) or self._learn_route(name, name.decode("utf-8", "replace"))
        if b'"subscription"' not in frame:
            return None
        try:
            text = wire.read_channel(frame)
        except UNREADABLE:
            return None
        return self._learn_route(text.encode(), text)

    def _learn_route(self, name: bytes, text: str) -> Route | None:
        route = route_of(text)
        if route is not None:
            if len(self._route_of) >= _MOST_NAMES:
                self._route_of.clear()
            self._route_of[name] = route
        return route

    def control(self, frame: bytes) -> Control:
        """A ``test_request`` has to be answered within 10 s. Channels that an answer does not repeat were not accepted."""
        try:
            answer = wire.read_answer(frame)
            if answer.error is not None:
                return Control("error", _words(answer.error), refused=self._refused(answer.id, ()))
            if answer.method == "heartbeat":
                asked = answer.params.type == "test_request"
                return Control("alive", reply=_TEST_REPLY if asked else None)
            if answer.result is msgspec.UNSET:
                return Control("unknown")
            if answer.id in self._asked:
                return Control("ack", refused=self._refused(answer.id, wire.read_names(answer.result)))
        except UNREADABLE as error:
            return Control("unknown", str(error))
        return Control("ack")

    def _refused(self, number: int | None, accepted: Iterable[str]) -> tuple[Route, ...]:
        asked = self._asked.get(number, ()) if number is not None else ()
        known = set(accepted)
        return tuple(route for name in asked if name not in known and (route := route_of(name)))

    def instruments_request(self) -> RestRequest:
        """All instruments of the kind, whatever they settle in."""
        params = {"currency": "any", "kind": self._kind, "expired": "false"}
        return RestRequest("/api/v2/public/get_instruments", params, 1)

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  there is one form
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """See :mod:`venues.deribit.history`."""
        return history.way(wire_symbol, span)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """See :mod:`venues.deribit.instruments`."""
        return instruments.parse(body, self.market)


class DeribitSwap(_Deribit):
    """Perpetuals: inverse (``BTC-PERPETUAL``, amounts in USD) and linear (``BTC_USDC-PERPETUAL``, amounts in base units)."""

    market = "swap"
    contracts = True


class DeribitFutures(_Deribit):
    """Dated futures, inverse and linear."""

    market = "futures"
    contracts = True


class DeribitOption(_Deribit):
    """Options. Amounts are base units; the premium of a reversed one is quoted in its base currency."""

    market = "option"
    _kind = "option"
    _options = True
    _rare = ("trades", "quote", "chart")


def _words(error: wire.Error) -> str:
    data = msgspec.json.decode(error.data)
    more = data if isinstance(data, str) else bytes(error.data).decode()
    return f"{error.code} {error.message}" + ("" if data is None else f" {more}")
