"""The shapes of OKX's frames and answers, read by msgspec; fields carry the exchange's own names (protocol page, section 5.2).

Times are milliseconds in strings, ids are JSON integers: decoders are lax so that both are read as ints by C code. Prices and
sizes stay text.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from venues.integers import Id, Millis

__all__ = [
    "Answer",
    "Arg",
    "Bbo",
    "BboFrame",
    "Book",
    "BookFrame",
    "BookLevel",
    "Candle",
    "CandleFrame",
    "Envelope",
    "FundingRate",
    "FundingRateFrame",
    "IndexTicker",
    "IndexTickerFrame",
    "InstrumentRow",
    "InstrumentsAnswer",
    "LiquidatedInstrument",
    "LiquidationDetail",
    "LiquidationFrame",
    "MarkPrice",
    "MarkPriceFrame",
    "OpenInterest",
    "OpenInterestFrame",
    "PastTrades",
    "Ticker",
    "TickerFrame",
    "Trade",
    "TradeFrame",
    "read_answer",
    "read_bbo",
    "read_books",
    "read_candles",
    "read_envelope",
    "read_funding_rate",
    "read_index_ticker",
    "read_instruments",
    "read_liquidations",
    "read_mark_price",
    "read_open_interest",
    "read_past_trades",
    "read_ticker",
    "read_trades",
]


class Arg(msgspec.Struct, gc=False):
    """What a frame belongs to. ``instId`` is empty where a channel brings a whole instrument type."""

    channel: str
    instId: str = ""  # noqa: N815  the exchange's names, here and below
    instType: str = ""  # noqa: N815


class Envelope(msgspec.Struct):
    """Any frame, as far as routing needs it."""

    arg: Arg
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event: str = ""


class BookLevel(msgspec.Struct, array_like=True, gc=False):
    """The first two of ``[price, size, "0", orders]``: the others are passed over unread, a tenth of a frame's cost."""

    px: str
    sz: str


class Book(msgspec.Struct, gc=False):
    """``seqId`` and ``prevSeqId`` are absent in frames of 2022; ``checksum`` is 0 since 2026-06-23."""

    asks: list[BookLevel]
    bids: list[BookLevel]
    ts: Millis
    seqId: Id | None = None  # noqa: N815
    prevSeqId: Id | None = None  # noqa: N815
    checksum: Id = 0


class BookFrame(msgspec.Struct, gc=False):
    action: Literal["snapshot", "update"]
    data: tuple[Book]


class Bbo(msgspec.Struct):
    asks: list[BookLevel]
    bids: list[BookLevel]
    ts: Millis
    seqId: Id | None = None  # noqa: N815


class BboFrame(msgspec.Struct):
    data: tuple[Bbo]


class Trade(msgspec.Struct, gc=False):
    tradeId: str  # noqa: N815
    px: str
    sz: str
    side: Literal["buy", "sell"]
    ts: Millis
    count: Id = 1


class TradeFrame(msgspec.Struct):
    data: list[Trade]


class Ticker(msgspec.Struct, gc=False):
    """Empty texts where nothing has traded yet."""

    last: str
    ts: Millis
    open24h: str = ""
    high24h: str = ""
    low24h: str = ""
    vol24h: str = ""
    volCcy24h: str = ""  # noqa: N815


class TickerFrame(msgspec.Struct):
    data: list[Ticker]


class Candle(msgspec.Struct, array_like=True, gc=False):
    ts: Millis
    open: str
    high: str
    low: str
    close: str
    vol: str
    vol_ccy: str
    vol_ccy_quote: str
    confirm: Literal["0", "1"]


class CandleFrame(msgspec.Struct):
    arg: Arg
    data: list[Candle]


class MarkPrice(msgspec.Struct, gc=False):
    markPx: str  # noqa: N815
    ts: Millis


class MarkPriceFrame(msgspec.Struct):
    data: list[MarkPrice]


class IndexTicker(msgspec.Struct, gc=False):
    idxPx: str  # noqa: N815
    ts: Millis


class IndexTickerFrame(msgspec.Struct):
    data: list[IndexTicker]


class FundingRate(msgspec.Struct, gc=False):
    fundingRate: str  # noqa: N815
    fundingTime: Millis  # noqa: N815
    ts: Millis | None = None


class FundingRateFrame(msgspec.Struct):
    data: list[FundingRate]


class OpenInterest(msgspec.Struct, gc=False):
    oiCcy: str  # noqa: N815
    ts: Millis


class OpenInterestFrame(msgspec.Struct):
    data: list[OpenInterest]


class LiquidationDetail(msgspec.Struct, gc=False):
    side: Literal["buy", "sell"]
    bkPx: str  # noqa: N815
    sz: str
    ts: Millis


class LiquidatedInstrument(msgspec.Struct):
    instId: str  # noqa: N815
    details: list[LiquidationDetail]


class LiquidationFrame(msgspec.Struct):
    data: list[LiquidatedInstrument]


class InstrumentRow(msgspec.Struct, gc=False):
    """Of old (2022: ``uly``, no ``instFamily``) and new metadata; empty texts where a field does not apply."""

    instId: str  # noqa: N815
    instType: str  # noqa: N815
    state: str
    tickSz: str  # noqa: N815
    lotSz: str  # noqa: N815
    baseCcy: str = ""  # noqa: N815
    quoteCcy: str = ""  # noqa: N815
    settleCcy: str = ""  # noqa: N815
    instFamily: str = ""  # noqa: N815
    uly: str = ""
    ctType: str = ""  # noqa: N815
    ctVal: str = ""  # noqa: N815
    ctMult: str = ""  # noqa: N815
    expTime: str = ""  # noqa: N815


class InstrumentsAnswer(msgspec.Struct):
    code: str
    msg: str = ""
    data: list[InstrumentRow] = []


class PastTrades(msgspec.Struct):
    """An answer to ``market/history-trades``: each match by itself."""

    code: str
    msg: str = ""
    data: list[Trade] = []


class Answer(msgspec.Struct):
    """Acknowledgements, errors and notices."""

    event: str
    code: str = ""
    msg: str = ""
    arg: dict[str, Any] = {}


read_envelope = msgspec.json.Decoder(Envelope).decode
read_answer = msgspec.json.Decoder(Answer).decode
read_books = msgspec.json.Decoder(BookFrame, strict=False).decode
read_bbo = msgspec.json.Decoder(BboFrame, strict=False).decode
read_trades = msgspec.json.Decoder(TradeFrame, strict=False).decode
read_ticker = msgspec.json.Decoder(TickerFrame, strict=False).decode
read_candles = msgspec.json.Decoder(CandleFrame, strict=False).decode
read_mark_price = msgspec.json.Decoder(MarkPriceFrame, strict=False).decode
read_index_ticker = msgspec.json.Decoder(IndexTickerFrame, strict=False).decode
read_funding_rate = msgspec.json.Decoder(FundingRateFrame, strict=False).decode
read_open_interest = msgspec.json.Decoder(OpenInterestFrame, strict=False).decode
read_liquidations = msgspec.json.Decoder(LiquidationFrame, strict=False).decode
read_instruments = msgspec.json.Decoder(InstrumentsAnswer).decode
read_past_trades = msgspec.json.Decoder(PastTrades, strict=False).decode
