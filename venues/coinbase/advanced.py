"""Coinbase Advanced Trade: what is asked of it, what it says, how its books are kept.

Evidence: protocol page section 8.2 (docs.cdp.coinbase.com and its AsyncAPI text, fixtures of 2026-04-07, live probe of
2026-09-27); ticker and candle frames as the same documents show them, trades newest first in updates too (ccxt#27606).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, Adapter, Ordered, chunks
from venues.coinbase import wire
from venues.coinbase.common import best_bid_ask, maker_trade, optional
from venues.coinbase.products import advanced_instruments
from venues.history import BackwardsByTime, numbered
from venues.integers import whole
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
from venues.messages import BookDiff, BookImage, Instrument, Kline, Level, Message, Ticker, Trade
from venues.times import rfc3339_micros

__all__ = ["CoinbaseAdvanced"]

_PRODUCTS_PER_CONNECTION = 50
_MOST_ROUTES = 10_000
_MOST_SECONDS = 2**43  # in microseconds they fit into 64 bits
_INTERVAL = "5m"
_PAST_TRADES = 1000
"""Asked for in one call; how many come at most is not published."""
_HEAD = b'{"channel":"'
_CHANNEL = b'"channel":"'
_PRODUCT = b'"product_id":"'
_NUMBER = b'"sequence_num":'


class CoinbaseAdvanced(Adapter):
    """Books of ``level2`` (which arrive as ``l2_data``), ``market_trades``, ``ticker``, five-minute ``candles``.

    A frame lost shows in ``sequence_num``, which counts all frames of a connection (:meth:`sequence`); the books have
    no rule of their own. Products that are another's book by a second name (``BTC-USDC`` for ``BTC-USD``) are not
    offered: the exchange answers for them with the other's name, and all of them can be had by it.
    """

    exchange = "coinbase-advanced"
    ccxt_id = "coinbase"
    market = "spot"
    websocket_url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    # 8 messages a second are an address's, not a socket's: a socket takes one, so ten of them fit. The first has to come
    # within 5 s. What REST allows is not published; 10 calls a second were called its limit by others, half of that is used.
    limits = Limits(
        weight_per_minute=300,
        streams_per_connection=4 * _PRODUCTS_PER_CONNECTION,
        requests_per_s=1,
        session_s=math.inf,
    )
    continuity: Continuity = Ordered()
    channels: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker", "klines"})
    kline_intervals = (_INTERVAL,)
    image_channels = frozenset({"l2_data"})
    trade_sequence = "ids"
    trade_channels = frozenset({"market_trades"})
    repeats_trades = True  # the first frame of market_trades
    counts_frames = True
    """Whether ``sequence_num`` counts frames by connection; one secondary source says by product (section 14.2)."""

    _decoders: ClassVar[Mapping[str, str]] = {
        "l2_data": "_l2_data",
        "market_trades": "_market_trades",
        "ticker": "_ticker",
        "candles": "_candles",
    }
    _names: ClassVar[Mapping[Channel, str]] = {
        "book": "l2_data",
        "trades": "market_trades",
        "best": "ticker",
        "ticker": "ticker",
        "klines": "candles",
    }

    def __init__(self) -> None:
        super().__init__()
        self._routes: dict[tuple[bytes, bytes], Route] = {}

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """50 products a connection and one message a channel; ``heartbeats`` first, or quiet channels are closed."""
        names = dict.fromkeys(self._names[one] for one in options.channels if one in self._names)
        if _INTERVAL not in options.kline_intervals:
            names.pop("candles", None)
        if not names:
            return []
        return [
            ConnectionPlan(
                path="",
                requests=(
                    _request("subscribe", "heartbeats"),
                    *(_request("subscribe", _asked(name), products) for name in names),
                ),
                routes=tuple(Route(name, product) for product in products for name in names),
            )
            for products in chunks(wire_symbols, _PRODUCTS_PER_CONNECTION)
        ]

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """A new subscription starts with a new image."""
        return [_request(kind, "level2", [wire_symbol]) for kind in ("unsubscribe", "subscribe")]

    def route(self, frame: bytes) -> Route | None:
        """By ``channel`` and the first ``product_id``, wherever they stand."""
        start = 12 if frame.startswith(_HEAD) else frame.find(_CHANNEL) + 11
        channel = frame[start : frame.find(b'"', start)]
        at = frame.find(_PRODUCT) + 14
        product = frame[at : frame.find(b'"', at)]
        return self._routes.get((channel, product)) or self._learn_route(frame, channel, product)

    def _learn_route(self, frame: bytes, channel: bytes, product: bytes) -> Route | None:
        if _CHANNEL not in frame or _PRODUCT not in frame:  # blanks between, or no market data
            try:
                channel = wire.read_head(frame).channel.encode()
                product = wire.first_product(frame)
            except UNREADABLE:
                return None
        name = channel.decode("utf-8", "replace")
        if name not in self._decoders or not product:
            return None
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        route = self._routes[channel, product] = Route(name, product.decode("utf-8", "replace"))
        return route

    def sequence(self, frame: bytes) -> int | None:
        """``sequence_num``; errors have none."""
        at = frame.find(_NUMBER) if self.counts_frames else -1
        if at < 0:
            return None
        start, most = at + len(_NUMBER), at + len(_NUMBER) + 24
        end = frame.find(b",", start, most)
        if end < 0:
            end = frame.find(b"}", start, most)
        try:
            return int(frame[start:end])
        except ValueError:
            return None

    def control(self, frame: bytes) -> Control:
        """``subscriptions``, ``heartbeats``, errors (which name no product), and frames of our channels with nothing in them."""
        try:
            answer = wire.read_advanced_answer(frame)
        except UNREADABLE as error:
            return Control("unknown", str(error))
        if answer.type == "error":
            return Control("error", answer.message or "no reason given")
        match answer.channel:
            case "subscriptions":
                return Control("ack")
            case "heartbeats" | "l2_data" | "market_trades" | "ticker" | "candles":
                return Control("alive")
        return Control("unknown", f"channel {answer.channel!r}")

    def instruments_request(self) -> RestRequest:
        """The public list has all spot products at once."""
        return RestRequest("/api/v3/brokerage/market/products", {"product_type": "SPOT"}, 1)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """Spot products that have a book of their own, BASE-QUOTE from the exchange's own currencies."""
        return advanced_instruments(body, self._scaled)

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  there is one form
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """The trades of ``ticker`` between two seconds, newest first, page by page to older ones."""

        def ask(start_s: int, end_s: int) -> RestRequest:
            params = {"limit": str(_PAST_TRADES), "start": str(start_s), "end": str(end_s)}
            return RestRequest(f"/api/v3/brokerage/market/products/{wire_symbol}/ticker", params, 1)

        return BackwardsByTime(span, lambda body: numbered(self.decode_backfill(body)), ask)

    def _l2_data(self, frame: bytes) -> Sequence[Message]:
        """One message an event. The frame's time is the update id, since ``sequence_num`` starts anew with each connection."""
        data = wire.read_l2(frame)
        _one_product("l2_data", (event.product_id for event in data.events))
        micros = rfc3339_micros(data.timestamp)
        messages: list[Message] = []
        for event in data.events:
            bids, asks = self._side(event, "bid"), self._side(event, "offer")
            if event.type == "snapshot":
                messages.append(BookImage(micros, bids, asks, micros, in_band=True))
            else:
                messages.append(BookDiff(micros, micros, None, bids, asks, micros))
        return messages

    def _side(self, event: wire.L2Event, side: str) -> list[Level]:
        scaled = self._scaled
        return [
            (scaled[one.price_level], scaled[one.new_quantity])
            for one in event.updates or ()
            if one.side == side
        ]

    def _market_trades(self, frame: bytes) -> Sequence[Message]:
        """Trades of 250 ms, or the recent ones at first, newest first in the frame and oldest first here. ``side`` is the maker's."""
        trades = [trade for event in wire.read_trades(frame).events for trade in event.trades or ()]
        return self._trades_of(trades)

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Newest first there; ``side`` is the maker's there too."""
        return self._trades_of(wire.read_market_trades(body).trades)

    def _trades_of(self, trades: list[wire.MarketTrade]) -> list[Trade]:
        _one_product("market_trades", (trade.product_id for trade in trades))
        trades.sort(key=lambda trade: int(trade.trade_id))
        scaled = self._scaled
        return [
            maker_trade(one.trade_id, scaled[one.price], scaled[one.size], one.side, rfc3339_micros(one.time))
            for one in trades
        ]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """With each trade: best prices as they are then, and the last 24 hours, without their opening price."""
        data = wire.read_ticker(frame)
        tickers = [ticker for event in data.events for ticker in event.tickers or ()]
        _one_product("ticker", (ticker.product_id for ticker in tickers))
        micros = rfc3339_micros(data.timestamp)
        return [message for ticker in tickers for message in self._of_ticker(ticker, micros)]

    def _of_ticker(self, data: wire.AdvancedTicker, micros: int) -> Iterable[Message]:
        scaled = self._scaled
        if data.best_bid or data.best_ask:
            bid, ask = (data.best_bid, data.best_bid_quantity), (data.best_ask, data.best_ask_quantity)
            yield best_bid_ask(scaled, micros, bid, ask, micros)
        if data.price:
            yield Ticker(
                scaled[data.price],
                micros,
                high_price=optional(scaled, data.high_24_h),
                low_price=optional(scaled, data.low_24_h),
                volume=optional(scaled, data.volume_24_h),
            )

    def _candles(self, frame: bytes) -> Sequence[Message]:
        """Five-minute bars, the past ones first; nothing says that one is closed."""
        data = wire.read_candles(frame)
        candles = [candle for event in data.events for candle in event.candles or ()]
        _one_product("candles", (candle.product_id for candle in candles))
        micros = rfc3339_micros(data.timestamp)
        scaled = self._scaled
        return [
            Kline(
                _INTERVAL,
                whole(one.start, _MOST_SECONDS) * 1_000_000,
                scaled[one.open],
                scaled[one.high],
                scaled[one.low],
                scaled[one.close],
                scaled[one.volume],
                micros,
            )
            for one in sorted(candles, key=lambda candle: int(candle.start))
        ]


def _request(kind: str, channel: str, products: Sequence[str] = ()) -> str:
    listed = {"product_ids": list(products)} if products else {}
    return json.dumps({"type": kind, **listed, "channel": channel}, separators=(",", ":"))


def _asked(name: str) -> str:
    """The name a channel is asked for by."""
    return "level2" if name == "l2_data" else name


def _one_product(channel: str, named: Iterable[str]) -> None:
    """A record belongs to one instrument: a frame of several cannot be routed, and must not be taken for one."""
    products = set(named)
    if len(products) > 1:
        raise FrameError(
            f"A Coinbase {channel} frame of several products: {', '.join(sorted(products)[:4])}."
        )
