"""The Exchange feed of Coinbase: what is asked of it, what it says, how its books are kept.

Evidence: protocol page section 8.1 (docs.cdp.coinbase.com, frames recorded 2026-08-25, live probe of 2026-09-27); one
invalid product makes the whole subscribe message fail (coinbase-pro-node#174, gocryptotrader#1421).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from venues.adapter import UNREADABLE, Adapter, Ordered, chunks
from venues.coinbase import wire
from venues.coinbase.common import best_bid_ask, maker_trade, optional
from venues.coinbase.products import exchange_instruments
from venues.history import Backwards, numbered
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
from venues.messages import BookDiff, BookImage, Instrument, Message, Ticker, Trade
from venues.times import rfc3339_micros

__all__ = ["CoinbaseExchange"]

_PRODUCTS_PER_CONNECTION = 25
_MOST_ROUTES = 10_000
_PAST_TRADES = 1000
"""The most of one answer."""
_HEAD = b'{"type":"'
_KIND = b'"type":"'
_PRODUCT = b'"product_id":"'
_REFUSED = re.compile(r"(\S+) is not a valid product")


class CoinbaseExchange(Adapter):
    """Books of ``level2_batch`` (no sequence: TCP keeps the order, and nothing else is promised), ``matches``, ``ticker``.

    Each product is asked for in a message of its own, since a product the exchange does not know makes it refuse the whole
    message. ``heartbeat`` of each product comes once a second and shows that a quiet connection lives.
    """

    exchange = "coinbase"
    ccxt_id = "coinbaseexchange"
    market = "spot"
    websocket_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    # 100 messages a second are an address's, not a socket's; the first has to come within 5 s. REST: 10 calls a second.
    limits = Limits(
        weight_per_minute=600,
        streams_per_connection=3 * _PRODUCTS_PER_CONNECTION,
        requests_per_s=5,
        session_s=math.inf,
    )
    continuity: Continuity = Ordered()
    channels: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker"})
    image_channels = frozenset({"level2_batch"})
    trade_sequence = "ids"
    trade_channels = frozenset({"matches"})
    repeats_trades = True  # last_match

    _decoders: ClassVar[Mapping[str, str]] = {
        "level2_batch": "_level2",
        "matches": "_match",
        "ticker": "_ticker",
    }
    _names: ClassVar[Mapping[Channel, str]] = {
        "book": "level2_batch",
        "trades": "matches",
        "best": "ticker",
        "ticker": "ticker",
    }
    _kinds: ClassVar[Mapping[bytes, str]] = {
        b"l2update": "level2_batch",
        b"snapshot": "level2_batch",
        b"match": "matches",
        b"last_match": "matches",
        b"ticker": "ticker",
    }

    def __init__(self) -> None:
        super().__init__()
        self._routes: dict[tuple[bytes, bytes], Route] = {}

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """25 products a connection: what a lost one costs is an image of up to 1 MB each."""
        names = list(dict.fromkeys(self._names[one] for one in options.channels if one in self._names))
        if not names:
            return []
        return [
            ConnectionPlan(
                path="",
                requests=tuple(_request("subscribe", product, *names, "heartbeat") for product in products),
                routes=tuple(Route(name, product) for product in products for name in names),
            )
            for products in chunks(wire_symbols, _PRODUCTS_PER_CONNECTION)
        ]

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """A new subscription starts with a new image."""
        return [_request(kind, wire_symbol, "level2_batch") for kind in ("unsubscribe", "subscribe")]

    def route(self, frame: bytes) -> Route | None:
        """By ``type`` and ``product_id``, wherever they stand."""
        start = 9 if frame.startswith(_HEAD) else frame.find(_KIND) + 8
        kind = frame[start : frame.find(b'"', start)]
        at = frame.find(_PRODUCT) + 14
        product = frame[at : frame.find(b'"', at)]
        return self._routes.get((kind, product)) or self._learn_route(frame, kind, product)

    def _learn_route(self, frame: bytes, kind: bytes, product: bytes) -> Route | None:
        if _KIND not in frame or _PRODUCT not in frame:  # blanks between, or no market data
            try:
                head = wire.read_head(frame)
            except UNREADABLE:
                return None
            kind, product = head.type.encode(), head.product_id.encode()
        channel = self._kinds.get(kind)
        if channel is None or not product:
            return None
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        route = self._routes[kind, product] = Route(channel, product.decode("utf-8", "replace"))
        return route

    def control(self, frame: bytes) -> Control:
        """``subscriptions``, ``heartbeat``, and errors with the exchange's reason; one that names a product refuses all of it."""
        try:
            answer = wire.read_exchange_answer(frame)
        except UNREADABLE as error:
            return Control("unknown", str(error))
        match answer.type:
            case "subscriptions":
                return Control("ack")
            case "heartbeat":
                return Control("alive")
            case "error":
                named = _REFUSED.search(answer.reason)
                return Control(
                    "error",
                    ": ".join(filter(None, (answer.message, answer.reason))) or "no reason given",
                    refused=tuple(Route(name, named[1]) for name in self._decoders) if named else (),
                )
        return Control("unknown", f"type {answer.type!r}")

    def instruments_request(self) -> RestRequest:
        """``/products`` has all of them."""
        return RestRequest("/products", {}, 1)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """BASE-QUOTE from the exchange's own currencies."""
        return exchange_instruments(body, self._scaled)

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  there is one form
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """``trades``, page by page to older ones: ``after`` an id means those below it."""

        def ask(below: int | None, count: int) -> RestRequest:
            params = {"limit": str(count)} if below is None else {"limit": str(count), "after": str(below)}
            return RestRequest(f"/products/{wire_symbol}/trades", params, 1)

        return Backwards(span, lambda body: numbered(self.decode_backfill(body)), ask, most=_PAST_TRADES)

    def _level2(self, frame: bytes) -> Sequence[Message]:
        """An image has neither time nor id, a change has a time: its microseconds are the update id."""
        data = wire.read_level2(frame)
        scaled = self._scaled
        if isinstance(data, wire.Snapshot):
            return (
                BookImage(
                    0,
                    [(scaled[price], scaled[size]) for price, size in data.bids],
                    [(scaled[price], scaled[size]) for price, size in data.asks],
                    None,
                    in_band=True,
                ),
            )
        micros = rfc3339_micros(data.time)
        return (
            BookDiff(
                micros,
                micros,
                None,
                [(scaled[price], scaled[size]) for side, price, size in data.changes if side == "buy"],
                [(scaled[price], scaled[size]) for side, price, size in data.changes if side == "sell"],
                micros,
            ),
        )

    def _match(self, frame: bytes) -> Sequence[Message]:
        """``last_match`` is the trade before the subscription, often one already seen. ``side`` is the maker's."""
        return (self._trade(wire.read_match(frame)),)

    def _trade(self, data: wire.Match) -> Trade:
        return maker_trade(
            str(data.trade_id),
            self._scaled[data.price],
            self._scaled[data.size],
            data.side,
            rfc3339_micros(data.time),
        )

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Newest first there; ``side`` is the maker's there too."""
        return [self._trade(data) for data in reversed(wire.read_matches(body))]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """With each trade: best prices as they are then, and the last 24 hours."""
        data = wire.read_exchange_ticker(frame)
        scaled = self._scaled
        micros = rfc3339_micros(data.time) if data.time else None
        return (
            best_bid_ask(
                scaled,
                data.sequence,
                (data.best_bid, data.best_bid_size),
                (data.best_ask, data.best_ask_size),
                micros,
            ),
            Ticker(
                scaled[data.price],
                micros,
                open_price=optional(scaled, data.open_24h),
                high_price=optional(scaled, data.high_24h),
                low_price=optional(scaled, data.low_24h),
                volume=optional(scaled, data.volume_24h),
            ),
        )


def _request(kind: str, product: str, *channels: str) -> str:
    return json.dumps(
        {"type": kind, "product_ids": [product], "channels": list(channels)}, separators=(",", ":")
    )
