"""The shapes of Deribit's frames and answers, read by msgspec; fields carry the exchange's own names (protocol page, section 9).

Prices, amounts and rates are JSON numbers, at times with an exponent (``2.2e3``, ``6.55e-6``): they are kept as their text
(:class:`msgspec.Raw`), never as floats. :func:`text` reads it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from venues.integers import Id, Millis

__all__ = [
    "Answer",
    "Book",
    "Chart",
    "Error",
    "Heartbeat",
    "Listing",
    "Listings",
    "Number",
    "PastTrades",
    "Quote",
    "Stats",
    "Ticker",
    "Trade",
    "read_answer",
    "read_book",
    "read_channel",
    "read_chart",
    "read_listings",
    "read_names",
    "read_past_trades",
    "read_quote",
    "read_ticker",
    "read_trades",
    "text",
]

Number = msgspec.Raw

_NOTHING = msgspec.Raw(b"null")


def text(number: Number) -> str | None:
    """A JSON number as it was written; None for ``null`` and for what the frame does not have."""
    written = bytes(number).decode()
    return None if written == "null" else written


class Book(msgspec.Struct):
    """Levels are ``[action, price, amount]``. A snapshot names no predecessor, or names null."""

    type: Literal["snapshot", "change"]
    timestamp: Millis
    change_id: Id
    bids: list[tuple[str, Number, Number]]
    asks: list[tuple[str, Number, Number]]
    prev_change_id: Id | None = None


class Trade(msgspec.Struct, gc=False):
    """``liquidation``: whose order was one, the maker's (M), the taker's (T) or both (MT). ``trade_seq`` counts the instrument's trades."""

    trade_id: str
    price: Number
    amount: Number
    direction: Literal["buy", "sell"]
    timestamp: Millis
    trade_seq: Id | None = None
    liquidation: Literal["M", "T", "MT", "none"] | None = None


class Quote(msgspec.Struct):
    timestamp: Millis
    best_bid_price: Number = _NOTHING
    best_bid_amount: Number = _NOTHING
    best_ask_price: Number = _NOTHING
    best_ask_amount: Number = _NOTHING


class Stats(msgspec.Struct):
    """The last 24 hours. ``volume`` in base units, ``volume_notional`` in the quote currency (futures only)."""

    high: Number = _NOTHING
    low: Number = _NOTHING
    volume: Number = _NOTHING
    volume_usd: Number = _NOTHING
    volume_notional: Number = _NOTHING


class Ticker(msgspec.Struct):
    """``open_interest`` is an amount: USD where the contract is inverse, else base units. Funding: perpetuals only."""

    timestamp: Millis
    instrument_name: str
    stats: Stats
    last_price: Number = _NOTHING
    mark_price: Number = _NOTHING
    index_price: Number = _NOTHING
    open_interest: Number = _NOTHING
    current_funding: Number = _NOTHING
    funding_8h: Number = _NOTHING


class Chart(msgspec.Struct):
    """One bar as it stands, open since ``tick``. ``volume`` in base units, ``cost`` in the quote currency."""

    tick: Millis
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    cost: Number = _NOTHING


class Listing(msgspec.Struct):
    """One of ``get_instruments``. ``instrument_type`` is absent before 2023, ``future_type`` (the same) before 2022."""

    instrument_name: str
    kind: str
    base_currency: str
    quote_currency: str
    tick_size: Number
    min_trade_amount: Number
    is_active: bool
    settlement_period: str = ""
    settlement_currency: str = ""
    counter_currency: str = ""
    instrument_type: str = ""
    future_type: str = ""
    state: str = ""
    expiration_timestamp: Id = 0
    strike: Number = _NOTHING
    option_type: str = ""


class Listings(msgspec.Struct):
    result: list[Listing]


class PastTrades(msgspec.Struct):
    """What ``get_last_trades_by_instrument`` brings."""

    trades: list[Trade]


class Error(msgspec.Struct):
    code: int
    message: str
    data: msgspec.Raw = _NOTHING


class Heartbeat(msgspec.Struct):
    type: str = ""


class Answer(msgspec.Struct):
    """An answer to a request, or a notification that is no market data."""

    id: int | None = None
    method: str = ""
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Error | None = None
    params: Heartbeat = msgspec.field(default_factory=Heartbeat)


class _Named(msgspec.Struct):
    channel: str


class _NamedFrame(msgspec.Struct):
    params: _Named


class _BookParams(msgspec.Struct):
    data: Book


class _BookFrame(msgspec.Struct):
    params: _BookParams


class _TradesParams(msgspec.Struct):
    data: list[Trade]


class _TradesFrame(msgspec.Struct):
    params: _TradesParams


class _PastTradesAnswer(msgspec.Struct):
    result: PastTrades


class _QuoteParams(msgspec.Struct):
    data: Quote


class _QuoteFrame(msgspec.Struct):
    params: _QuoteParams


class _TickerParams(msgspec.Struct):
    data: Ticker


class _TickerFrame(msgspec.Struct):
    params: _TickerParams


class _ChartParams(msgspec.Struct):
    channel: str
    data: Chart


class _ChartFrame(msgspec.Struct):
    params: _ChartParams


_decode_book = msgspec.json.Decoder(_BookFrame).decode
_decode_trades = msgspec.json.Decoder(_TradesFrame).decode
_decode_past_trades = msgspec.json.Decoder(_PastTradesAnswer).decode
_decode_quote = msgspec.json.Decoder(_QuoteFrame).decode
_decode_ticker = msgspec.json.Decoder(_TickerFrame).decode
_decode_chart = msgspec.json.Decoder(_ChartFrame).decode
_decode_named = msgspec.json.Decoder(_NamedFrame).decode

read_answer = msgspec.json.Decoder(Answer).decode
read_listings = msgspec.json.Decoder(Listings).decode
read_names = msgspec.json.Decoder(list[str]).decode


def read_book(frame: bytes) -> Book:
    """``book.<instrument>.<interval>``."""
    return _decode_book(frame).params.data


def read_trades(frame: bytes) -> list[Trade]:
    """``trades.<instrument>.<interval>``."""
    return _decode_trades(frame).params.data


def read_past_trades(body: bytes) -> list[Trade]:
    """``get_last_trades_by_instrument`` and ``…_and_time``, oldest first."""
    return sorted(_decode_past_trades(body).result.trades, key=lambda trade: trade.trade_seq or 0)


def read_quote(frame: bytes) -> Quote:
    """``quote.<instrument>``."""
    return _decode_quote(frame).params.data


def read_ticker(frame: bytes) -> Ticker:
    """``ticker.<instrument>.<interval>``."""
    return _decode_ticker(frame).params.data


def read_chart(frame: bytes) -> tuple[str, Chart]:
    """``chart.trades.<instrument>.<resolution>``: the resolution stands in the channel's name only."""
    params = _decode_chart(frame).params
    return params.channel.rpartition(".")[2], params.data


def read_channel(frame: bytes) -> str:
    """The channel of a notification, wherever in it that stands."""
    return _decode_named(frame).params.channel
