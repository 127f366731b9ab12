"""The shapes of Binance's frames and answers, read by msgspec; fields carry the exchange's own names (sections 3.3, 4.2, 4.5).

Fields that older recordings or one of the markets lack have a default; fields nobody reads are left out.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from venues.integers import Id, Millis

__all__ = [
    "AggTrade",
    "AggTradeFrame",
    "Answer",
    "Bar",
    "BookTicker",
    "BookTickerFrame",
    "Combined",
    "Depth",
    "DepthFrame",
    "ExchangeInfo",
    "Filter",
    "ForceOrder",
    "ForceOrderFrame",
    "ForcedOrder",
    "Kline",
    "KlineFrame",
    "MarkPrice",
    "MarkPriceFrame",
    "PastTrade",
    "Snapshot",
    "Symbol",
    "Ticker",
    "TickerFrame",
    "Trade",
    "TradeFrame",
    "read_agg_trade",
    "read_answer",
    "read_book_ticker",
    "read_combined",
    "read_depth",
    "read_force_order",
    "read_instruments",
    "read_kline",
    "read_mark_price",
    "read_past_agg_trades",
    "read_past_trades",
    "read_snapshot",
    "read_ticker",
    "read_trade",
]


class Trade(msgspec.Struct, gc=False):
    t: Id
    p: str
    q: str
    T: Millis
    m: bool
    X: str = "MARKET"


class AggTrade(msgspec.Struct, gc=False):
    a: Id
    p: str
    q: str
    T: Millis
    m: bool


class BookTicker(msgspec.Struct, gc=False):
    u: Id
    b: str
    B: str
    a: str
    A: str
    T: Millis | None = None


class Depth(msgspec.Struct):
    U: Id
    u: Id
    E: Millis
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    pu: Id | None = None
    T: Millis | None = None


class Ticker(msgspec.Struct, gc=False):
    """``v`` and ``q``: base and quote volume; on COIN-M contracts and base volume."""

    E: Millis
    c: str
    o: str
    h: str
    l: str  # noqa: E741  the exchange's name
    v: str
    q: str
    n: Id


class Bar(msgspec.Struct, gc=False):
    """``v`` and ``q`` as in :class:`Ticker`."""

    t: Millis
    i: str
    o: str
    h: str
    l: str  # noqa: E741  the exchange's name
    c: str
    v: str
    q: str
    n: Id
    x: bool


class Kline(msgspec.Struct, gc=False):
    E: Millis
    k: Bar


class MarkPrice(msgspec.Struct, gc=False):
    """``r`` is empty and ``T`` 0 on contracts with a date: they pay no funding. COIN-M had no ``i`` before 2023-06."""

    E: Millis
    p: str
    i: str = ""
    r: str = ""
    T: Millis = 0


class ForcedOrder(msgspec.Struct, gc=False):
    S: Literal["BUY", "SELL"]
    q: str
    p: str
    T: Millis
    ap: str = "0"
    z: str = "0"


class ForceOrder(msgspec.Struct, gc=False):
    o: ForcedOrder


class PastTrade(msgspec.Struct, gc=False):
    """One of REST's trades."""

    id: Id
    price: str
    qty: str
    time: Millis
    isBuyerMaker: bool  # noqa: N815  the exchange's name


class Combined(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class TradeFrame(msgspec.Struct, gc=False):
    data: Trade


class AggTradeFrame(msgspec.Struct, gc=False):
    data: AggTrade


class BookTickerFrame(msgspec.Struct, gc=False):
    data: BookTicker


class DepthFrame(msgspec.Struct):
    data: Depth


class TickerFrame(msgspec.Struct, gc=False):
    data: Ticker


class KlineFrame(msgspec.Struct, gc=False):
    data: Kline


class MarkPriceFrame(msgspec.Struct, gc=False):
    data: MarkPrice


class ForceOrderFrame(msgspec.Struct, gc=False):
    data: ForceOrder


class Snapshot(msgspec.Struct):
    lastUpdateId: Id  # noqa: N815  the exchange's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    T: Millis | None = None


class Filter(msgspec.Struct):
    """``tickSize`` of a PRICE_FILTER, ``stepSize`` of a LOT_SIZE."""

    filterType: str  # noqa: N815  the exchange's names
    tickSize: str = ""  # noqa: N815
    stepSize: str = ""  # noqa: N815


class Symbol(msgspec.Struct):
    """``status`` on spot and USD-M, ``contractStatus`` on COIN-M; ``contractSize``, a JSON number, on COIN-M only."""

    symbol: str
    baseAsset: str  # noqa: N815  the exchange's names
    quoteAsset: str  # noqa: N815
    filters: list[Filter]
    status: str = ""
    contractStatus: str = ""  # noqa: N815
    contractSize: msgspec.Raw = msgspec.Raw()  # noqa: N815
    marginAsset: str = ""  # noqa: N815
    deliveryDate: Millis = 0  # noqa: N815


class ExchangeInfo(msgspec.Struct):
    symbols: list[Symbol]


class Answer(msgspec.Struct):
    """Acknowledgements, errors and notices share no shape: every field is optional."""

    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    e: str = ""
    data: dict[str, Any] = {}
    result: Any = msgspec.UNSET


read_combined = msgspec.json.Decoder(Combined).decode
read_answer = msgspec.json.Decoder(Answer).decode
read_snapshot = msgspec.json.Decoder(Snapshot).decode
read_instruments = msgspec.json.Decoder(ExchangeInfo).decode
read_trade = msgspec.json.Decoder(TradeFrame).decode
read_agg_trade = msgspec.json.Decoder(AggTradeFrame).decode
read_book_ticker = msgspec.json.Decoder(BookTickerFrame).decode
read_depth = msgspec.json.Decoder(DepthFrame).decode
read_ticker = msgspec.json.Decoder(TickerFrame).decode
read_kline = msgspec.json.Decoder(KlineFrame).decode
read_mark_price = msgspec.json.Decoder(MarkPriceFrame).decode
read_force_order = msgspec.json.Decoder(ForceOrderFrame).decode
read_past_trades = msgspec.json.Decoder(list[PastTrade]).decode
read_past_agg_trades = msgspec.json.Decoder(list[AggTrade]).decode
