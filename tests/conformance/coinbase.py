"""Coinbase's two feeds, Exchange and Advanced Trade: frames of the protocol page's section 8 and of the official pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.conformance.material import (
    BookScript,
    ControlSample,
    Documented,
    Evidence,
    Levels,
    Listed,
    Material,
    Past,
    Refusal,
    Sample,
    micros,
    scaled,
)
from venues.interface import ConnectionPlan, Route
from venues.messages import BestBidAsk, BookDiff, BookImage, Kline, Side, Ticker, Trade

__all__ = ["MATERIAL"]


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _time(time_ms: int) -> str:
    whole = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}000Z"


def _maker(taker: Side) -> str:
    return "sell" if taker == "BUY" else "buy"


class _ExchangeBook(BookScript):
    """Section 8.1: an image without a time, then changes without a number; what is lost stays unnoticed."""

    def image(self) -> bytes:
        bids, asks = self.sides()
        return _json({"type": "snapshot", "product_id": self.wire_symbol, "asks": asks, "bids": bids})

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        changes = [("buy", *level) for level in bids] + [("sell", *level) for level in asks]
        return _json(
            {
                "type": "l2update",
                "product_id": self.wire_symbol,
                "changes": changes,
                "time": _time(self.time_ms),
            }
        )


class _AdvancedBook(BookScript):
    """Section 8.2: ``sequence_num`` counts the frames of a connection, whatever they bring."""

    def __init__(self, wire_symbol: str) -> None:
        super().__init__(wire_symbol)
        self.number = -1

    def image(self) -> bytes:
        return self._frame("snapshot", *self.sides())

    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        return self._frame("update", bids, asks)

    def _frame(self, kind: str, bids: Levels, asks: Levels) -> bytes:
        self.number += 1
        time = _time(self.time_ms)
        updates = [
            {"side": side, "event_time": time, "price_level": price, "new_quantity": quantity}
            for side, levels in (("bid", bids), ("offer", asks))
            for price, quantity in levels
        ]
        event = {"type": kind, "product_id": self.wire_symbol, "updates": updates}
        return _json(
            {
                "channel": "l2_data",
                "client_id": "",
                "timestamp": time,
                "sequence_num": self.number,
                "events": [event],
            }
        )


def _match(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``side`` is the maker's."""
    return _json(
        {
            "type": "match",
            "trade_id": 1081862675,
            "maker_order_id": "f07e510f-4edf-469d-b844-4f670f1e93f1",
            "taker_order_id": "e6f50944-3e2a-439e-ae49-308300ba8296",
            "side": _maker(taker),
            "size": quantity,
            "price": price,
            "product_id": wire_symbol,
            "sequence": 134905860111,
            "time": "2026-08-25T03:35:57.198335Z",
        }
    )


def _market_trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``side`` is the maker's."""
    trade = {
        "trade_id": "995098700",
        "product_id": wire_symbol,
        "price": price,
        "size": quantity,
        "side": _maker(taker).upper(),
        "time": "2026-04-07T14:30:02.789012Z",
    }
    return _json(
        {
            "channel": "market_trades",
            "client_id": "",
            "timestamp": "2026-04-07T14:30:02.789012Z",
            "sequence_num": 5,
            "events": [{"type": "update", "trades": [trade]}],
        }
    )


def _past_match(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``/products/{id}/trades`` (section 8.1): the trade of :func:`_match`, with the maker's side."""
    row = {
        "trade_id": 1081862675,
        "side": _maker(taker),
        "size": quantity,
        "price": price,
        "time": "2026-08-25T03:35:57.198335Z",
    }
    return _json([row])


def _past_market_trade(wire_symbol: str, price: str, quantity: str, taker: Side) -> bytes:
    """``market/products/{id}/ticker`` (section 8.2): the trade of :func:`_market_trade`, with the maker's side."""
    trade = {
        "trade_id": "995098700",
        "product_id": wire_symbol,
        "price": price,
        "size": quantity,
        "time": "2026-04-07T14:30:02.789012Z",
        "side": _maker(taker).upper(),
        "bid": "",
        "ask": "",
        "exchange": "coinbase",
    }
    return _json({"trades": [trade], "best_bid": "1", "best_ask": "2"})


_EXCHANGE_TICKER = (
    b'{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD","price":"1285.22","open_24h":"1310.79",'
    b'"volume_24h":"245532.79269678","low_24h":"1280.52","high_24h":"1313.8","volume_30d":"9788783.60117027",'
    b'"best_bid":"1285.04","best_bid_size":"0.46688654","best_ask":"1285.27","best_ask_size":"1.56637040","side":"buy",'
    b'"time":"2022-10-19T23:28:22.061769Z","trade_id":370843401,"last_size":"11.4396987"}'
)
_EXCHANGE_TIME = micros("2022-10-19T23:28:22.061769Z")
_EXCHANGE_DAY = (
    BestBidAsk(
        37475248783,
        scaled("1285.04"),
        scaled("0.46688654"),
        scaled("1285.27"),
        scaled("1.5663704"),
        _EXCHANGE_TIME,
    ),
    Ticker(
        scaled("1285.22"),
        _EXCHANGE_TIME,
        scaled("1310.79"),
        scaled("1313.8"),
        scaled("1280.52"),
        scaled("245532.79269678"),
    ),
)
_EXCHANGE_SAMPLES = (
    Sample(
        "book",
        Route("level2_batch", "BTC-USD"),
        b'{"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[["80688.08","0.59153273"]]}',
        (
            BookImage(
                0,
                [(scaled("80688.08"), scaled("0.59153273"))],
                [(scaled("80691.53"), scaled("0.20084671"))],
                None,
                in_band=True,
            ),
        ),
        "8.1",
    ),
    Sample(
        "book",
        Route("level2_batch", "BTC-USD"),
        b'{"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],'
        b'["sell","80745.16","0.20558981"]],"time":"2026-08-25T03:35:57.300000Z"}',
        (
            BookDiff(
                micros("2026-08-25T03:35:57.3Z"),
                micros("2026-08-25T03:35:57.3Z"),
                None,
                [(scaled("80688.08"), scaled("0.59153273"))],
                [(scaled("80745.16"), scaled("0.20558981"))],
                micros("2026-08-25T03:35:57.3Z"),
            ),
        ),
        "8.1",
    ),
    Sample("best", Route("ticker", "ETH-USD"), _EXCHANGE_TICKER, _EXCHANGE_DAY, "Ticker channel"),
    Sample("ticker", Route("ticker", "ETH-USD"), _EXCHANGE_TICKER, _EXCHANGE_DAY, "Ticker channel"),
    Sample(
        "trades",
        Route("matches", "BTC-USD"),
        b'{"type":"last_match","trade_id":1081862674,"maker_order_id":"f07e510f-4edf-469d-b844-4f670f1e93f1",'
        b'"taker_order_id":"55c8b85c-75ae-4cd5-9775-eba950fc4605","side":"sell","size":"0.00000001","price":"80691.53",'
        b'"product_id":"BTC-USD","sequence":134905859981,"time":"2026-08-25T03:35:57.096368Z"}',
        (
            Trade(
                "1081862674",
                scaled("80691.53"),
                scaled("0.00000001"),
                "BUY",
                micros("2026-08-25T03:35:57.096368Z"),
                sequence=1081862674,
            ),
        ),
        "8.1: the maker sold",
    ),
)

_ADVANCED_TICKER = (
    b'{"channel":"ticker","client_id":"","timestamp":"2023-02-09T20:30:37.167359596Z","sequence_num":0,"events":[{'
    b'"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"21932.98",'
    b'"volume_24_h":"16038.28770938","low_24_h":"21835.29","high_24_h":"23011.18","low_52_w":"15460","high_52_w":"48240",'
    b'"price_percent_chg_24_h":"-4.15775596190603","best_bid":"21931.98","best_bid_quantity":"8000.21",'
    b'"best_ask":"21933.98","best_ask_quantity":"8038.07770938"}]}]}'
)
_ADVANCED_TIME = micros("2023-02-09T20:30:37.167359Z")
_ADVANCED_DAY = (
    BestBidAsk(
        _ADVANCED_TIME,
        scaled("21931.98"),
        scaled("8000.21"),
        scaled("21933.98"),
        scaled("8038.07770938"),
        _ADVANCED_TIME,
    ),
    Ticker(
        scaled("21932.98"),
        _ADVANCED_TIME,
        None,
        scaled("23011.18"),
        scaled("21835.29"),
        scaled("16038.28770938"),
    ),
)
_ADVANCED_SAMPLES = (
    Sample(
        "book",
        Route("l2_data", "BTC-USD"),
        b'{"channel":"l2_data","client_id":"","timestamp":"2026-04-07T14:30:00.123456Z","sequence_num":0,"events":[{'
        b'"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-04-07T14:30:00.123456Z",'
        b'"price_level":"68900.00","new_quantity":"1.50000000"},{"side":"offer","event_time":"2026-04-07T14:30:00.123456Z",'
        b'"price_level":"68901.00","new_quantity":"0.50000000"}]}]}',
        (
            BookImage(
                micros("2026-04-07T14:30:00.123456Z"),
                [(scaled("68900"), scaled("1.5"))],
                [(scaled("68901"), scaled("0.5"))],
                micros("2026-04-07T14:30:00.123456Z"),
                in_band=True,
            ),
        ),
        "8.2",
    ),
    Sample(
        "book",
        Route("l2_data", "BTC-USD"),
        b'{"channel":"l2_data","client_id":"","timestamp":"2026-04-07T14:30:01.456789Z","sequence_num":1,"events":[{'
        b'"type":"update","product_id":"BTC-USD","updates":[{"side":"offer","event_time":"2026-04-07T14:30:01.456789Z",'
        b'"price_level":"68901.00","new_quantity":"0.00000000"}]}]}',
        (
            BookDiff(
                micros("2026-04-07T14:30:01.456789Z"),
                micros("2026-04-07T14:30:01.456789Z"),
                None,
                [],
                [(scaled("68901"), 0)],
                micros("2026-04-07T14:30:01.456789Z"),
            ),
        ),
        "8.2",
    ),
    Sample("best", Route("ticker", "BTC-USD"), _ADVANCED_TICKER, _ADVANCED_DAY, "Ticker channel"),
    Sample("ticker", Route("ticker", "BTC-USD"), _ADVANCED_TICKER, _ADVANCED_DAY, "Ticker channel"),
    Sample(
        "trades",
        Route("market_trades", "BTC-USD"),
        b'{"channel":"market_trades","client_id":"","timestamp":"2026-04-07T14:30:02.789012Z","sequence_num":5,"events":[{'
        b'"type":"update","trades":[{"trade_id":"995098700","product_id":"BTC-USD","price":"68900.50","size":"0.00150000",'
        b'"side":"BUY","time":"2026-04-07T14:30:02.789012Z"}]}]}',
        (
            Trade(
                "995098700",
                scaled("68900.5"),
                scaled("0.0015"),
                "SELL",
                micros("2026-04-07T14:30:02.789012Z"),
                sequence=995098700,
            ),
        ),
        "8.2: the maker bought",
    ),
    Sample(
        "klines",
        Route("candles", "ETH-USD"),
        b'{"channel":"candles","client_id":"","timestamp":"2023-06-09T20:19:35.39625135Z","sequence_num":0,"events":[{'
        b'"type":"snapshot","candles":[{"start":"1688998200","high":"1867.72","low":"1865.63","open":"1867.38",'
        b'"close":"1866.81","volume":"0.20269406","product_id":"ETH-USD"}]}]}',
        (
            Kline(
                "5m",
                1688998200000000,
                scaled("1867.38"),
                scaled("1867.72"),
                scaled("1865.63"),
                scaled("1866.81"),
                scaled("0.20269406"),
                micros("2023-06-09T20:19:35.396251Z"),
            ),
        ),
        "Candles channel",
    ),
)

_EXCHANGE_CONTROLS = (
    ControlSample(
        b'{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USD"],"account_ids":null},'
        b'{"name":"matches","product_ids":["BTC-USD"],"account_ids":null}]}',
        "ack",
    ),
    ControlSample(
        b'{"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require '
        b'authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"}',
        "error",
        "require authentication",
    ),
    ControlSample(
        b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}',
        "alive",
    ),
)
_ADVANCED_CONTROLS = (
    ControlSample(
        b'{"channel":"subscriptions","client_id":"","timestamp":"2026-04-07T14:30:00.000000Z","sequence_num":0,"events":[{'
        b'"subscriptions":{"level2":["BTC-USD"],"market_trades":["BTC-USD","ETH-USD"]}}]}',
        "ack",
    ),
    ControlSample(
        b'{"channel":"heartbeats","client_id":"","timestamp":"2026-04-07T14:30:10.000000Z","sequence_num":0,"events":[{'
        b'"current_time":"2026-04-07 14:30:10.000000000+00:00","heartbeat_counter":42}]}',
        "alive",
    ),
    ControlSample(b'{"type":"error","message":"authentication failure"}', "error", "authentication failure"),
)


def _asked_of_exchange(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    messages = [json.loads(text) for text in plan.requests]
    return [
        [f"{channel} {product}" for channel in one["channels"] for product in one["product_ids"]]
        for one in messages
    ]


def _asked_of_advanced(plan: ConnectionPlan) -> Sequence[Sequence[str]]:
    messages = [json.loads(text) for text in plan.requests]
    return [[f"{one['channel']} {product}" for product in one.get("product_ids", [""])] for one in messages]


def _answers(plan: ConnectionPlan) -> Sequence[bytes]:
    """A message with a product that does not exist is refused as a whole, and an echo of what is subscribed follows."""
    frames = []
    for text in plan.requests:
        products = json.loads(text)["product_ids"]
        if "NOPE-USD" in products:
            reason = "NOPE-USD is not a valid product"
            frames.append(_json({"type": "error", "message": "Failed to subscribe", "reason": reason}))
        channels = [{"name": "matches", "product_ids": [one for one in products if one != "NOPE-USD"]}]
        frames.append(_json({"type": "subscriptions", "channels": channels}))
    return frames


def _product(wire_symbol: str, tick: str, lot: str, status: str = "online", **flags: bool) -> dict[str, Any]:
    base, quote = wire_symbol.split("-")
    return {
        "id": wire_symbol,
        "product_id": wire_symbol,
        "base_currency": base,
        "quote_currency": quote,
        "base_currency_id": base,
        "quote_currency_id": quote,
        "quote_increment": tick,
        "price_increment": tick,
        "base_increment": lot,
        "status": status,
        "product_type": "SPOT",
        "alias": "",
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "auction_mode": False,
        "trading_disabled": False,
        **flags,
    }


_PRODUCTS = (
    _product("BTC-USD", "0.01", "0.00000001"),
    _product("00-USD", "0.0001", "0.01"),
    _product("OLD-USD", "0.01", "0.1", "delisted", trading_disabled=True),
    _product("NEW-EUR", "0.01", "0.1", auction_mode=True),
)
_LISTED = (
    Listed("BTC-USD", "BTC-USD", "0.01", "0.00000001", status="online"),
    Listed("00-USD", "00-USD", "0.0001", "0.01", status="online"),
    Listed("OLD-USD", "OLD-USD", "0.01", "0.1", trading=False, status="delisted"),
    Listed("NEW-EUR", "NEW-EUR", "0.01", "0.1", trading=False, status="auction_mode"),
)
_EVIDENCE: Mapping[str, Evidence] = {
    "book": "document",
    "best": "document",
    "trades": "document",
    "ticker": "document",
    "images": "document",
    "instruments": "document",
    "limits": "document",
}
_NO_KEEP_ALIVE = (
    "the exchange sends heartbeats to whoever subscribes to them; a client sends nothing of its own"
)
_IN_STREAM = "images come in the stream, before the diffs they belong to"
_NO_CHECKSUM = "its books have no checksum"

MATERIAL = (
    Material(
        name="coinbase.spot",
        wire_symbol="BTC-USD",
        script=_ExchangeBook,
        ids=False,
        trade=_match,
        past=Past("/products/BTC-USD/trades", _past_match, "1081862675", (b'{"message":"NotFound"}',)),
        samples=_EXCHANGE_SAMPLES,
        controls=_EXCHANGE_CONTROLS,
        instruments=_json(_PRODUCTS),
        listed=_LISTED,
        units=(("BTC-USD", "0.00000001", "80691.53", "0.00000001"),),
        odd_symbols=(("00-USD", "00-USD"),),
        times=(
            ("matches", _EXCHANGE_SAMPLES[4].frame, "2026-08-25T03:35:57.096368Z"),
            ("level2_batch", _EXCHANGE_SAMPLES[1].frame, "2026-08-25T03:35:57.3Z"),
        ),
        documented=Documented(requests_per_s=100),
        asked=_asked_of_exchange,
        evidence={**_EVIDENCE, "continuity": "document"},
        numbered="S{}-USD".format,
        refusal=Refusal(("BTC-USD", "NOPE-USD"), "NOPE-USD", _answers),
        not_applicable={
            "C05": "its book frames have neither a number nor a checksum: nothing in them tells of a lost one",
            "C08": _NO_CHECKSUM,
            "C10": _NO_KEEP_ALIVE,
            "C13": _IN_STREAM,
        },
        open_points=(
            "What a subscription to a product that does not exist is answered with, word by word.",
            "What a second subscription to the same channel brings.",
        ),
    ),
    Material(
        name="coinbase-advanced.spot",
        wire_symbol="BTC-USD",
        script=_AdvancedBook,
        ids=False,
        trade=_market_trade,
        past=Past(
            "/api/v3/brokerage/market/products/BTC-USD/ticker",
            _past_market_trade,
            "995098700",
            (b'{"error":"NOT_FOUND","message":"Not found"}',),
        ),
        samples=_ADVANCED_SAMPLES,
        controls=_ADVANCED_CONTROLS,
        instruments=_json({"products": _PRODUCTS, "num_products": len(_PRODUCTS)}),
        listed=_LISTED,
        units=(("BTC-USD", "0.0015", "68900.5", "0.0015"),),
        odd_symbols=(("00-USD", "00-USD"),),
        times=(
            ("market_trades", _ADVANCED_SAMPLES[4].frame, "2026-04-07T14:30:02.789012Z"),
            ("candles", _ADVANCED_SAMPLES[5].frame, "2023-06-09T20:19:35.396251Z"),
        ),
        documented=Documented(requests_per_s=8),
        asked=_asked_of_advanced,
        evidence={**_EVIDENCE, "klines": "document", "continuity": "not verified"},
        numbered="S{}-USD".format,
        not_applicable={
            "C08": _NO_CHECKSUM,
            "C10": _NO_KEEP_ALIVE,
            "C12": "its errors name neither a product nor a channel: only the silence of a stream tells",
            "C13": _IN_STREAM,
        },
        open_points=(
            "Whether `sequence_num` counts the frames of a connection, as documents and a probe say, or of a product.",
            "How often REST may be asked.",
            "How many trades an answer of `ticker` holds at most, how far back it goes, whether `end` is included.",
        ),
    ),
)
