"""What Kraken's frames of market data say (protocol page, section 7.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from bookmill.errors import FrameError
from venues.adapter import Decoder
from venues.kraken import wire
from venues.kraken.checksum import Decimals
from venues.kraken.requests import INTERVAL_OF
from venues.messages import BestBidAsk, BookDiff, BookImage, Kline, Level, Message, Ticker, Trade
from venues.numbers import ScaledNumbers
from venues.times import rfc3339_micros

__all__ = ["Frames"]

_T = TypeVar("_T", wire.Book, wire.Trade, wire.Ticker, wire.Candle)


class Frames:
    """Decoders of one venue object. Of each book the decimals are remembered that its numbers are written with."""

    def __init__(self, scaled: ScaledNumbers) -> None:
        self._scaled = scaled
        self._decimals: dict[str, Decimals] = {}

    def decoder(self, channel: str) -> Decoder | None:
        """The decoder of a channel as routes name it; None where there is none."""
        name, _, detail = channel.partition(".")
        if name == "book":
            return partial(self._book, int(detail)) if detail.isascii() and detail.isdecimal() else None
        return {"trade": self._trades, "ticker": self._ticker, "ohlc": self._ohlc}.get(name)

    def _book(self, depth: int, frame: bytes) -> Sequence[Message]:
        """Entries stay in the order of the frame, in which one price may occur several times."""
        read = wire.read_book(frame)
        make = self._image if read.type == "snapshot" else self._diff
        return [make(book, depth) for book in _of_one(read.data)]

    def _image(self, book: wire.Book, depth: int) -> BookImage:
        known = Decimals()
        bids, asks = self._levels(book.bids, known), self._levels(book.asks, known)
        micros = None if book.timestamp is None else rfc3339_micros(book.timestamp)
        self._decimals[book.symbol] = known
        return BookImage(
            micros or 0, bids, asks, micros, in_band=True, depth=depth, checksum=known.checksum(book.checksum)
        )

    def _diff(self, book: wire.Book, depth: int) -> BookDiff:
        if book.timestamp is None:
            raise FrameError(f"A Kraken book update of {book.symbol} has no timestamp.")
        micros = rfc3339_micros(book.timestamp)
        known = self._decimals.setdefault(book.symbol, Decimals())
        bids, asks = self._levels(book.bids, known), self._levels(book.asks, known)
        return BookDiff(micros, micros, None, bids, asks, micros, depth, known.checksum(book.checksum))

    def _levels(self, levels: Sequence[wire.Level], known: Decimals) -> list[Level]:
        if not levels:
            return []
        scaled = self._scaled
        prices = [_text(level.price) for level in levels]
        quantities = [_text(level.qty) for level in levels]
        found = [(scaled[price], scaled[quantity]) for price, quantity in zip(prices, quantities)]
        known.see(prices, [text for text, (_, quantity) in zip(quantities, found) if quantity])
        return found

    def _trades(self, frame: bytes) -> Sequence[Message]:
        scaled = self._scaled
        return [
            Trade(
                str(trade.trade_id),
                scaled[_text(trade.price)],
                scaled[_text(trade.qty)],
                "BUY" if trade.side == "buy" else "SELL",
                rfc3339_micros(trade.timestamp),
                sequence=trade.trade_id,
            )
            for trade in _of_one(wire.read_trade(frame).data)
        ]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """Best prices and the last 24 hours in one. Nobody bids or asks at zero, and no trade was at zero: zero says there is none."""
        messages: list[Message] = []
        for ticker in _of_one(wire.read_ticker(frame).data):
            micros = None if ticker.timestamp is None else rfc3339_micros(ticker.timestamp)
            bid, ask = self._or_none(ticker.bid) or None, self._or_none(ticker.ask) or None
            bid_quantity = self._or_none(ticker.bid_qty) if bid else None
            ask_quantity = self._or_none(ticker.ask_qty) if ask else None
            messages.append(BestBidAsk(micros or 0, bid, bid_quantity, ask, ask_quantity, micros))
            if last := self._or_none(ticker.last):
                messages.append(
                    Ticker(
                        last,
                        micros,
                        high_price=self._or_none(ticker.high),
                        low_price=self._or_none(ticker.low),
                        volume=self._or_none(ticker.volume),
                        trades=ticker.trades,
                    )
                )
        return messages

    def _ohlc(self, frame: bytes) -> Sequence[Message]:
        """The running bar after each trade; at the start also the bars before it, oldest first. Minutes without a trade have none."""
        read = wire.read_ohlc(frame)
        micros = None if read.timestamp is None else rfc3339_micros(read.timestamp)
        scaled = self._scaled
        return [
            Kline(
                INTERVAL_OF.get(bar.interval, f"{bar.interval}m"),
                rfc3339_micros(bar.interval_begin),
                scaled[_text(bar.open)],
                scaled[_text(bar.high)],
                scaled[_text(bar.low)],
                scaled[_text(bar.close)],
                scaled[_text(bar.volume)],
                micros,
                trades=bar.trades,
            )
            for bar in _of_one(read.data)
        ]

    def _or_none(self, raw: msgspec.Raw) -> int | None:
        text = _text(raw)
        return None if text == "null" else self._scaled[text]


def _text(raw: msgspec.Raw) -> str:
    return str(raw, "ascii")


def _of_one(items: list[_T]) -> list[_T]:
    """Frames are of one instrument; what is of another would be filed under the first."""
    if any(item.symbol != items[0].symbol for item in items[1:]):
        raise FrameError("A Kraken frame is of several instruments.")
    return items
