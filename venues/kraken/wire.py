"""The shapes of Kraken's frames and answers, read by msgspec; fields carry the exchange's own names (sections 7.1, 7.2, 7.4).

Prices and quantities are JSON numbers: their text is kept (``msgspec.Raw``), since a float would lose it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from venues.integers import Id

__all__ = [
    "Answer",
    "AssetPairs",
    "Book",
    "BookFrame",
    "Candle",
    "Head",
    "Level",
    "Notice",
    "OhlcFrame",
    "Pair",
    "PastTrade",
    "PastTrades",
    "System",
    "Ticker",
    "TickerFrame",
    "Topic",
    "Trade",
    "TradeFrame",
    "read_answer",
    "read_asset_pairs",
    "read_book",
    "read_head",
    "read_notice",
    "read_ohlc",
    "read_past_rows",
    "read_past_trades",
    "read_text",
    "read_ticker",
    "read_trade",
]


class Level(msgspec.Struct):
    price: msgspec.Raw
    qty: msgspec.Raw


class Book(msgspec.Struct):
    """Recorded snapshots of 2023 have no time; updates always had one."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    checksum: int
    timestamp: str | None = None


class Trade(msgspec.Struct):
    symbol: str
    side: Literal["buy", "sell"]
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: Id
    timestamp: str


class Ticker(msgspec.Struct):
    """``trades`` and ``timestamp`` are younger than the rest."""

    symbol: str
    bid: msgspec.Raw
    bid_qty: msgspec.Raw
    ask: msgspec.Raw
    ask_qty: msgspec.Raw
    last: msgspec.Raw
    volume: msgspec.Raw
    low: msgspec.Raw
    high: msgspec.Raw
    trades: Id | None = None
    timestamp: str | None = None


class Candle(msgspec.Struct):
    symbol: str
    open: msgspec.Raw
    high: msgspec.Raw
    low: msgspec.Raw
    close: msgspec.Raw
    volume: msgspec.Raw
    interval_begin: str
    interval: int
    trades: Id | None = None


class BookFrame(msgspec.Struct):
    type: Literal["snapshot", "update"]
    data: list[Book]


class TradeFrame(msgspec.Struct):
    data: list[Trade]


class TickerFrame(msgspec.Struct):
    data: list[Ticker]


class OhlcFrame(msgspec.Struct):
    data: list[Candle]
    timestamp: str | None = None


class Topic(msgspec.Struct):
    symbol: str
    interval: int = 0


class Head(msgspec.Struct):
    """What says where a frame of market data belongs."""

    channel: str
    data: list[Topic]


class System(msgspec.Struct):
    """``connection_id`` beside it exceeds 2^63 and is of no use here."""

    system: str


class Notice(msgspec.Struct):
    """Channels without an instrument: ``heartbeat`` is all of its frame, ``status`` brings one :class:`System`."""

    channel: str = ""
    data: list[System] = []


class Answer(msgspec.Struct):
    """To subscribe, unsubscribe and ping. A refusal names its symbol outside ``result``, and not its channel."""

    method: str = ""
    success: bool | None = None
    error: str | None = None
    Error: str | None = None
    """So documented for too many messages; seen with a small letter."""
    symbol: str = ""
    req_id: int | None = None


class Pair(msgspec.Struct):
    """``wsname`` is the name of version 1 of the API; pairs without one have no stream."""

    pair_decimals: int
    lot_decimals: int
    wsname: str = ""
    tick_size: str | None = None
    status: str = "online"


class AssetPairs(msgspec.Struct):
    error: list[str] = []
    result: dict[str, Pair] = {}


class PastTrade(msgspec.Struct, array_like=True):
    """A row of ``Trades``: the time is seconds with a fraction, a JSON number."""

    price: str
    volume: str
    time: msgspec.Raw
    side: Literal["b", "s"]
    order_type: str
    misc: str
    trade_id: Id


class PastTrades(msgspec.Struct):
    """The rows stand under the pair's name, beside them ``last``, where to go on: nanoseconds as text."""

    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


read_head = msgspec.json.Decoder(Head).decode
read_book = msgspec.json.Decoder(BookFrame).decode
read_trade = msgspec.json.Decoder(TradeFrame).decode
read_ticker = msgspec.json.Decoder(TickerFrame).decode
read_ohlc = msgspec.json.Decoder(OhlcFrame).decode
read_notice = msgspec.json.Decoder(Notice).decode
read_answer = msgspec.json.Decoder(Answer).decode
read_asset_pairs = msgspec.json.Decoder(AssetPairs).decode
read_past_trades = msgspec.json.Decoder(PastTrades).decode
read_past_rows = msgspec.json.Decoder(list[PastTrade]).decode
read_text = msgspec.json.Decoder(str).decode
