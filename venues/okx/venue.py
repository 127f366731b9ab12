"""OKX v5 spot, swap and futures: what is asked of it, what it says, how its books are kept.

Evidence: protocol page section 5 (official pages of July and August 2026), the recording of 2022 (290 book frames with
checksums), ``docs/venues/okx.md`` (what each channel's reading rests on).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from venues.adapter import UNREADABLE
from venues.history import Backwards, numbered
from venues.interface import (
    Backfill,
    Channel,
    ConnectionPlan,
    Control,
    KeepAlive,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
    TradeSpan,
)
from venues.messages import Instrument
from venues.okx import wire
from venues.okx.continuity import OkxContinuity
from venues.okx.control import explain
from venues.okx.decoding import OkxDecoding
from venues.okx.instruments import parse_instruments
from venues.okx.subscriptions import BARS, INDEX, LIQUIDATIONS, argument, plan, request, swap_of

__all__ = ["OkxFutures", "OkxSpot", "OkxSwap"]

_HEAD = b'{"arg":{"channel":"'
_MOST_ROUTES = 100_000
_PAST_TRADES = 100
"""The most of one answer."""


class _Okx(OkxDecoding):
    """What the markets share."""

    exchange = "okx"
    ccxt_id = "okx"
    websocket_url = "wss://ws.okx.com:8443"
    rest_url = "https://openapi.okx.com"
    limits = Limits(
        weight_per_minute=600,  # 20 in 2 s for instruments, as many for past trades
        streams_per_connection=1000,
        requests_per_s=3,
        session_s=math.inf,
        connects_per_s=2.5,  # 3 are allowed
        requests_per_hour=480,  # plans send a dozen at most, a new image costs two
    )
    keep_alive = KeepAlive(20.0, "ping")
    kline_intervals = tuple(BARS)
    image_channels = frozenset({"books"})
    trade_sequence = "folded"
    trade_channels = frozenset({"trades", "trades-all"})
    repeats_trades = True  # `trades` began with the last one in 2022; whether `trades-all` does is not known
    _kind: str
    """The exchange's ``instType``."""
    _derivatives: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.continuity = OkxContinuity()
        self._routes: dict[bytes, Route] = {}

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """See :mod:`venues.okx.subscriptions`."""
        return plan(wire_symbols, options, kind=self._kind, derivatives=self._derivatives)

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """Two of the 480 requests a connection may send in an hour."""
        books = argument("books", wire_symbol)
        return [request("unsubscribe", [books]), request("subscribe", [books])]

    def route(self, frame: bytes) -> Route | None:
        """The argument at the head of a frame says all, but for liquidations: theirs names only the instrument type."""
        if frame.startswith(_HEAD):
            # With the first letter of what follows: an acknowledgement that began with its argument would be none of these.
            key = frame[19 : frame.find(b"}", 19) + 4]
            return self._routes.get(key) or self._learn_route(frame, key)
        return self._learn_route(frame, b"") if frame.startswith(b"{") else None

    def _learn_route(self, frame: bytes, key: bytes) -> Route | None:
        try:
            envelope = wire.read_envelope(frame)
            if envelope.event or envelope.data is msgspec.UNSET:
                return None
            channel, wire_symbol = envelope.arg.channel, envelope.arg.instId
            if not wire_symbol:
                rows = wire.read_liquidations(frame).data if channel == LIQUIDATIONS else ()
                return Route(channel, rows[0].instId) if rows else None
        except UNREADABLE:
            return None
        route = Route(channel, self._named(channel, wire_symbol))
        if key:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            self._routes[key] = route
        return route

    @staticmethod
    def _named(channel: str, asked: str) -> str:
        """The instrument a stream is for: an index's name is not the instrument's."""
        return swap_of(asked) if channel == INDEX else asked

    def control(self, frame: bytes) -> Control:
        """See :mod:`venues.okx.control`."""
        said = explain(frame)
        if not said.refused:
            return said
        return said._replace(
            refused=tuple(Route(channel, self._named(channel, asked)) for channel, asked in said.refused)
        )

    def instruments_request(self) -> RestRequest:
        """All instruments of the type."""
        return RestRequest("/api/v5/public/instruments", {"instType": self._kind}, 1)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """See :mod:`venues.okx.instruments`."""
        return parse_instruments(body, self._kind)

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  ids are the same, and each match comes by itself
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """``history-trades`` by id, page by page to older ones: what is newer than an id comes from the newest on."""

        def ask(below: int | None, count: int) -> RestRequest:
            params = {"instId": wire_symbol, "type": "1", "limit": str(count)}
            if below is not None:
                params["after"] = str(below)
            return RestRequest("/api/v5/market/history-trades", params, 1)

        return Backwards(span, lambda body: numbered(self.decode_backfill(body)), ask, most=_PAST_TRADES)


class OkxSpot(_Okx):
    """Spot: quantities in base units."""

    market = "spot"
    channels: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker", "klines"})
    _kind = "SPOT"
    contracts = False


class OkxSwap(_Okx):
    """Perpetual swaps, linear and inverse. A swap's index is asked for by its family's name."""

    market = "swap"
    channels: frozenset[Channel] = frozenset(
        {"book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"}
    )
    market_wide = frozenset({LIQUIDATIONS})
    _kind = "SWAP"
    _derivatives = ("mark-price", INDEX, "funding-rate", "open-interest")


class OkxFutures(_Okx):
    """Dated contracts, linear and inverse. Several share an index, so its frames would belong to none of them: not asked for."""

    market = "futures"
    channels: frozenset[Channel] = frozenset(
        {"book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"}
    )
    market_wide = frozenset({LIQUIDATIONS})
    _kind = "FUTURES"
    _derivatives = ("mark-price", "open-interest")
