"""The shapes of Bybit's frames and answers, read by msgspec; fields carry the exchange's own names (section 6).

Numbers are texts everywhere, times are int milliseconds in frames and texts in tickers and metadata. The order of keys
differs between markets and means nothing here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from venues.integers import Id, Millis

__all__ = [
    "Answer",
    "Book",
    "BookFrame",
    "Instruments",
    "Kline",
    "KlineFrame",
    "Liquidation",
    "LiquidationFrame",
    "Listing",
    "LotSizeFilter",
    "PastTrade",
    "PastTrades",
    "PastTradesAnswer",
    "PriceFilter",
    "Symbol",
    "Ticker",
    "TickerFrame",
    "Topic",
    "Topics",
    "Trade",
    "TradeFrame",
    "read_answer",
    "read_book",
    "read_instruments",
    "read_klines",
    "read_liquidations",
    "read_past_trades",
    "read_ticker",
    "read_topic",
    "read_trades",
]


class Topic(msgspec.Struct, gc=False):
    topic: str


class Book(msgspec.Struct, gc=False):
    u: Id
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class BookFrame(msgspec.Struct, gc=False):
    """``cts`` is the matching engine's time, ``ts`` that of the push."""

    type: Literal["snapshot", "delta"]
    ts: Millis
    data: Book
    cts: Millis | None = None


class Trade(msgspec.Struct, gc=False):
    """``S`` is the taker's side."""

    T: Millis
    S: Literal["Buy", "Sell"]
    v: str
    p: str
    i: str


class TradeFrame(msgspec.Struct):
    data: list[Trade]


class Ticker(msgspec.Struct, gc=False):
    """In a delta what is absent is unchanged; an empty text says that there is no such thing."""

    lastPrice: str = ""  # noqa: N815  the exchange's names
    prevPrice24h: str = ""  # noqa: N815
    highPrice24h: str = ""  # noqa: N815
    lowPrice24h: str = ""  # noqa: N815
    volume24h: str = ""
    turnover24h: str = ""
    markPrice: str = ""  # noqa: N815
    indexPrice: str = ""  # noqa: N815
    fundingRate: str = ""  # noqa: N815
    nextFundingTime: str = ""  # noqa: N815
    openInterest: str = ""  # noqa: N815
    openInterestValue: str = ""  # noqa: N815


class TickerFrame(msgspec.Struct, gc=False):
    ts: Millis
    data: Ticker


class Kline(msgspec.Struct, gc=False):
    start: Millis
    interval: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    turnover: str
    confirm: bool
    timestamp: Millis


class KlineFrame(msgspec.Struct):
    data: list[Kline]


class Liquidation(msgspec.Struct, gc=False):
    """``S`` is the side of the position that is closed."""

    T: Millis
    S: Literal["Buy", "Sell"]
    v: str
    p: str


class LiquidationFrame(msgspec.Struct):
    data: list[Liquidation]


class Topics(msgspec.Struct, gc=False):
    """The option market's way of acknowledging."""

    failTopics: list[str] = []  # noqa: N815


class Answer(msgspec.Struct):
    """Pongs, acknowledgements and errors share no shape: every field is optional."""

    success: bool | None = None
    ret_msg: str = ""
    op: str = ""
    type: str = ""
    data: Topics | None = None


class PastTrade(msgspec.Struct, gc=False):
    """One of REST's trades; its time is text."""

    execId: str  # noqa: N815  the exchange's names
    price: str
    size: str
    side: Literal["Buy", "Sell"]
    time: str


class PastTrades(msgspec.Struct):
    trades: list[PastTrade] | None = msgspec.field(name="list", default=None)


class PastTradesAnswer(msgspec.Struct):
    """``retCode`` 0 is yes; the ``result`` of a no is empty."""

    retCode: int  # noqa: N815
    result: PastTrades
    retMsg: str = ""  # noqa: N815


class PriceFilter(msgspec.Struct):
    tickSize: str  # noqa: N815


class LotSizeFilter(msgspec.Struct):
    """``basePrecision`` on spot, ``qtyStep`` on contracts."""

    basePrecision: str = ""  # noqa: N815
    qtyStep: str = ""  # noqa: N815


class Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseCoin: str  # noqa: N815
    quoteCoin: str  # noqa: N815
    priceFilter: PriceFilter  # noqa: N815
    lotSizeFilter: LotSizeFilter  # noqa: N815
    settleCoin: str = ""  # noqa: N815
    contractType: str = ""  # noqa: N815
    deliveryTime: str = ""  # noqa: N815


class Listing(msgspec.Struct):
    symbols: list[Symbol] | None = msgspec.field(name="list", default=None)


class Instruments(msgspec.Struct):
    """``retCode`` 0 is yes; the ``result`` of a no is empty."""

    retCode: int  # noqa: N815
    result: Listing
    retMsg: str = ""  # noqa: N815


read_topic = msgspec.json.Decoder(Topic).decode
read_answer = msgspec.json.Decoder(Answer).decode
read_book = msgspec.json.Decoder(BookFrame).decode
read_trades = msgspec.json.Decoder(TradeFrame).decode
read_ticker = msgspec.json.Decoder(TickerFrame).decode
read_klines = msgspec.json.Decoder(KlineFrame).decode
read_liquidations = msgspec.json.Decoder(LiquidationFrame).decode
read_instruments = msgspec.json.Decoder(Instruments).decode
read_past_trades = msgspec.json.Decoder(PastTradesAnswer).decode
