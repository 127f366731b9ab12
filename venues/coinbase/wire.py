"""The shapes of Coinbase's frames and answers, read by msgspec; fields carry the exchange's own names (sections 8.1 and 8.2)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from venues.integers import Id

__all__ = [
    "AdvancedAnswer",
    "AdvancedProduct",
    "AdvancedProducts",
    "AdvancedTicker",
    "Candle",
    "CandlesEvent",
    "CandlesFrame",
    "ExchangeAnswer",
    "ExchangeProduct",
    "ExchangeTicker",
    "Head",
    "L2Event",
    "L2Frame",
    "Level",
    "MarketTrade",
    "MarketTrades",
    "Match",
    "Snapshot",
    "TickerEvent",
    "TickerFrame",
    "TradesEvent",
    "TradesFrame",
    "Update",
    "first_product",
    "read_advanced_answer",
    "read_advanced_products",
    "read_candles",
    "read_exchange_answer",
    "read_exchange_products",
    "read_exchange_ticker",
    "read_head",
    "read_l2",
    "read_level2",
    "read_market_trades",
    "read_match",
    "read_matches",
    "read_ticker",
    "read_trades",
]


# The Exchange feed.


class Head(msgspec.Struct):
    """What says where a frame of either feed belongs, wherever it stands in it."""

    type: str = ""
    channel: str = ""
    product_id: str = ""


class Snapshot(msgspec.Struct, tag_field="type", tag="snapshot"):
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Update(msgspec.Struct, tag_field="type", tag="l2update"):
    changes: list[tuple[Literal["buy", "sell"], str, str]]
    time: str


class Match(msgspec.Struct, gc=False):
    trade_id: Id
    side: Literal["buy", "sell"]
    size: str
    price: str
    time: str


class ExchangeTicker(msgspec.Struct, gc=False):
    sequence: Id
    price: str
    best_bid: str = ""
    best_bid_size: str = ""
    best_ask: str = ""
    best_ask_size: str = ""
    open_24h: str = ""
    high_24h: str = ""
    low_24h: str = ""
    volume_24h: str = ""
    time: str = ""


class ExchangeAnswer(msgspec.Struct):
    type: str = ""
    message: str = ""
    reason: str = ""


class ExchangeProduct(msgspec.Struct):
    id: str
    base_currency: str
    quote_currency: str
    base_increment: str
    quote_increment: str
    status: str
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False
    limit_only: bool = False
    auction_mode: bool = False


# Advanced Trade. An empty list may be left out, or be null.


class Level(msgspec.Struct, gc=False):
    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class L2Event(msgspec.Struct):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[Level] | None = None


class L2Frame(msgspec.Struct):
    timestamp: str
    events: list[L2Event]


class MarketTrade(msgspec.Struct, gc=False):
    trade_id: str
    product_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL"]
    time: str


class MarketTrades(msgspec.Struct):
    """REST's answer."""

    trades: list[MarketTrade]


class TradesEvent(msgspec.Struct):
    trades: list[MarketTrade] | None = None


class TradesFrame(msgspec.Struct):
    events: list[TradesEvent]


class AdvancedTicker(msgspec.Struct, gc=False):
    product_id: str
    price: str = ""
    volume_24_h: str = ""
    low_24_h: str = ""
    high_24_h: str = ""
    best_bid: str = ""
    best_bid_quantity: str = ""
    best_ask: str = ""
    best_ask_quantity: str = ""


class TickerEvent(msgspec.Struct):
    tickers: list[AdvancedTicker] | None = None


class TickerFrame(msgspec.Struct):
    timestamp: str
    events: list[TickerEvent]


class Candle(msgspec.Struct, gc=False):
    product_id: str
    start: str
    open: str
    high: str
    low: str
    close: str
    volume: str


class CandlesEvent(msgspec.Struct):
    candles: list[Candle] | None = None


class CandlesFrame(msgspec.Struct):
    timestamp: str
    events: list[CandlesEvent]


class AdvancedAnswer(msgspec.Struct):
    type: str = ""
    channel: str = ""
    message: str = ""
    events: list[dict[str, Any]] | None = None


class AdvancedProduct(msgspec.Struct):
    """``alias`` names the product whose book it really is (``BTC-USDC``: ``BTC-USD``)."""

    product_id: str
    product_type: str = ""
    base_currency_id: str = ""
    quote_currency_id: str = ""
    base_increment: str = ""
    price_increment: str = ""
    quote_increment: str = ""
    status: str = ""
    alias: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False
    limit_only: bool = False
    auction_mode: bool = False


class AdvancedProducts(msgspec.Struct):
    products: list[AdvancedProduct]


read_head = msgspec.json.Decoder(Head).decode
read_level2 = msgspec.json.Decoder(Snapshot | Update).decode
read_match = msgspec.json.Decoder(Match).decode
read_matches = msgspec.json.Decoder(list[Match]).decode
read_exchange_ticker = msgspec.json.Decoder(ExchangeTicker).decode
read_exchange_answer = msgspec.json.Decoder(ExchangeAnswer).decode
read_exchange_products = msgspec.json.Decoder(list[ExchangeProduct]).decode
read_l2 = msgspec.json.Decoder(L2Frame).decode
read_trades = msgspec.json.Decoder(TradesFrame).decode
read_market_trades = msgspec.json.Decoder(MarketTrades).decode
read_ticker = msgspec.json.Decoder(TickerFrame).decode
read_candles = msgspec.json.Decoder(CandlesFrame).decode
read_advanced_answer = msgspec.json.Decoder(AdvancedAnswer).decode
read_advanced_products = msgspec.json.Decoder(AdvancedProducts).decode


def first_product(frame: bytes) -> bytes:
    """The product an Advanced Trade frame names first, in its events or in what they list; empty where there is none."""
    for event in read_advanced_answer(frame).events or ():
        for item in (event, *(one for items in event.values() if isinstance(items, list) for one in items)):
            if isinstance(item, dict) and isinstance(item.get("product_id"), str):
                return str(item["product_id"]).encode()
    return b""
