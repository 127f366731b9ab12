"""What producers write when they ask an exchange over REST instead of listening to it: one form for all exchanges.

The values are JSON of our own, numbers as the exchange's decimal text:

==============  ==========================================================================================
channel         value
==============  ==========================================================================================
``poll.book``   ``{"bids": [["<price>", "<quantity>"], …], "asks": […], "time_ms": 1 | null, "id": 1 | null}``
``poll.trades``  ``[{"id": "…", "price": "…", "quantity": "…", "side": "buy" | "sell", "time_ms": 1 | null,
                "aggregated": false}, …]``
``poll.ticker``  ``{"last": "…", "open": "…" | null, "high", "low", "volume", "quote_volume", "time_ms"}``
``poll.klines``  ``{"interval": "1m", "bars": [{"open_ms": 1, "open": "…", "high", "low", "close", "volume", "closed"}, …]}``
==============  ==========================================================================================

Quantities of books and trades are in the unit the record names; volumes are in base units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.integers import Millis
from venues.messages import BookImage, Kline, Message, Ticker, Trade
from venues.numbers import ScaledNumbers

__all__ = [
    "BOOK",
    "KLINES",
    "TICKER",
    "TRADES",
    "Bar",
    "Bars",
    "Book",
    "PolledTicker",
    "PolledTrade",
    "decode",
]

BOOK = "poll.book"
TRADES = "poll.trades"
TICKER = "poll.ticker"
KLINES = "poll.klines"

_scaled = ScaledNumbers()


class Book(msgspec.Struct):
    """``poll.book``."""

    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time_ms: Millis | None = None
    id: int | None = None


class PolledTrade(msgspec.Struct):
    """One of ``poll.trades``."""

    id: str
    price: str
    quantity: str
    side: Literal["buy", "sell"]
    time_ms: Millis | None = None
    aggregated: bool = False


class PolledTicker(msgspec.Struct):
    """``poll.ticker``."""

    last: str
    open: str | None = None
    high: str | None = None
    low: str | None = None
    volume: str | None = None
    quote_volume: str | None = None
    time_ms: Millis | None = None


class Bar(msgspec.Struct):
    """One of ``poll.klines``."""

    open_ms: Millis
    open: str
    high: str
    low: str
    close: str
    volume: str | None = None
    closed: bool | None = None


class Bars(msgspec.Struct):
    """``poll.klines``."""

    interval: str
    bars: list[Bar]


def decode(channel: str, value: bytes) -> Sequence[Message]:
    """The messages of a polled record; raises :class:`FrameError`."""
    reader = _READERS.get(channel)
    if reader is None:
        raise FrameError(f"No channel of polled records: {channel[:40]!r}.")
    try:
        return reader(value)
    except UNREADABLE as error:
        raise FrameError(f"Not a {channel} record: {error}.") from error


def _book(value: bytes) -> Sequence[Message]:
    book = _read_book(value)
    return (
        BookImage(
            book.id if book.id is not None else (book.time_ms or 0) * 1000,
            [(_scaled[p], _scaled[q]) for p, q in book.bids],
            [(_scaled[p], _scaled[q]) for p, q in book.asks],
            _micros(book.time_ms),
        ),
    )


def _trades(value: bytes) -> Sequence[Message]:
    return [
        Trade(
            one.id,
            _scaled[one.price],
            _scaled[one.quantity],
            "BUY" if one.side == "buy" else "SELL",
            _micros(one.time_ms),
            one.aggregated,
        )
        for one in _read_trades(value)
    ]


def _ticker(value: bytes) -> Sequence[Message]:
    one = _read_ticker(value)
    return (
        Ticker(
            _scaled[one.last],
            _micros(one.time_ms),
            _number(one.open),
            _number(one.high),
            _number(one.low),
            _number(one.volume),
            _number(one.quote_volume),
        ),
    )


def _klines(value: bytes) -> Sequence[Message]:
    bars = _read_bars(value)
    return [
        Kline(
            bars.interval,
            bar.open_ms * 1000,
            _scaled[bar.open],
            _scaled[bar.high],
            _scaled[bar.low],
            _scaled[bar.close],
            _number(bar.volume),
            None,
            closed=bar.closed,
        )
        for bar in bars.bars
    ]


def _number(text: str | None) -> int | None:
    return None if text is None else _scaled[text]


def _micros(time_ms: int | None) -> int | None:
    return None if time_ms is None else time_ms * 1000


_read_book = msgspec.json.Decoder(Book).decode
_read_trades = msgspec.json.Decoder(list[PolledTrade]).decode
_read_ticker = msgspec.json.Decoder(PolledTicker).decode
_read_bars = msgspec.json.Decoder(Bars).decode

_READERS: dict[str, Callable[[bytes], Sequence[Message]]] = {
    BOOK: _book,
    TRADES: _trades,
    TICKER: _ticker,
    KLINES: _klines,
}
