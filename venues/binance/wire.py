"""The shapes of Binance's frames and answers, read by msgspec; fields carry the exchange's own names (sections 3.3 and 4.2)."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "AggTrade",
    "AggTradeFrame",
    "Answer",
    "BookTicker",
    "BookTickerFrame",
    "Combined",
    "Depth",
    "DepthFrame",
    "ExchangeInfo",
    "Snapshot",
    "Symbol",
    "Trade",
    "TradeFrame",
    "read_agg_trade",
    "read_answer",
    "read_book_ticker",
    "read_combined",
    "read_depth",
    "read_instruments",
    "read_snapshot",
    "read_trade",
]


class Trade(msgspec.Struct, gc=False):
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = "MARKET"


class AggTrade(msgspec.Struct, gc=False):
    a: int
    p: str
    q: str
    T: int
    m: bool


class BookTicker(msgspec.Struct, gc=False):
    u: int
    b: str
    B: str
    a: str
    A: str
    T: int | None = None


class Depth(msgspec.Struct):
    U: int
    u: int
    E: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    pu: int | None = None
    T: int | None = None


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


class Snapshot(msgspec.Struct):
    lastUpdateId: int  # noqa: N815  the exchange's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    T: int | None = None


class Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str  # noqa: N815  the exchange's names
    quoteAsset: str  # noqa: N815
    filters: list[dict[str, Any]]
    contractType: str = ""  # noqa: N815


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
