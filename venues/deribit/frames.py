"""Deribit's frames as messages (protocol page, section 9). Numbers go from the frame's text to scaled ints, never through a float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import Adapter
from venues.deribit import instruments, wire
from venues.deribit.channels import INTERVALS
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Kline,
    Level,
    Liquidation,
    Message,
    Side,
    Ticker,
    Trade,
)
from venues.numbers import signed

__all__ = ["DeribitFrames"]

_OPPOSITE: dict[Side, Side] = {"BUY": "SELL", "SELL": "BUY"}


class DeribitFrames(Adapter):
    """The decoding half of the venue. ``_options``: amounts are base units, premiums mostly not in the pair's quote."""

    _options: ClassVar[bool] = False
    _decoders: ClassVar[dict[str, str]] = {
        "book": "_book",
        "quote": "_quote",
        "trades": "_trades",
        "ticker": "_ticker",
        "chart.trades.*": "_chart",
    }

    def _number(self, number: wire.Number) -> int | None:
        written = wire.text(number)
        return None if written is None else self._scaled[written]

    def _levels(self, levels: list[tuple[str, wire.Number, wire.Number]]) -> list[Level]:
        scaled = self._scaled
        return [
            (scaled[bytes(price).decode()], 0 if action == "delete" else scaled[bytes(amount).decode()])
            for action, price, amount in levels
        ]

    def _book(self, frame: bytes) -> Sequence[Message]:
        book = wire.read_book(frame)
        bids, asks, time_micros = self._levels(book.bids), self._levels(book.asks), book.timestamp * 1000
        if book.type == "snapshot":
            return (BookImage(book.change_id, bids, asks, time_micros, in_band=True),)
        if book.prev_change_id is None:
            raise FrameError(f"A Deribit book change does not say what it follows: {book.change_id}.")
        return (BookDiff(book.change_id, book.change_id, book.prev_change_id, bids, asks, time_micros),)

    def _quote(self, frame: bytes) -> Sequence[Message]:
        """There is no id: the time orders quotes."""
        quote = wire.read_quote(frame)
        time_micros = quote.timestamp * 1000
        bid = self._best(quote.best_bid_price, quote.best_bid_amount)
        ask = self._best(quote.best_ask_price, quote.best_ask_amount)
        return (BestBidAsk(time_micros, *bid, *ask, time_micros),)

    def _best(self, price: wire.Number, amount: wire.Number) -> tuple[int | None, int | None]:
        """An empty side is written as zeros, or as nulls."""
        quantity = self._number(amount)
        return (self._number(price), quantity) if quantity else (None, None)

    def _trades(self, frame: bytes) -> Sequence[Message]:
        """A trade by which a position was liquidated is also a liquidation, two where both orders were (MT)."""
        messages: list[Message] = []
        for trade in wire.read_trades(frame):
            made = self._trade(trade)
            messages.append(made)
            if trade.liquidation in ("T", "MT"):
                messages.append(_liquidation(made, made.side))
            if trade.liquidation in ("M", "MT"):
                messages.append(_liquidation(made, _OPPOSITE[made.side]))
        return messages

    def _trade(self, trade: wire.Trade) -> Trade:
        return Trade(
            trade.trade_id,
            self._scaled[bytes(trade.price).decode()],
            self._scaled[bytes(trade.amount).decode()],
            "BUY" if trade.direction == "buy" else "SELL",
            trade.timestamp * 1000,
            sequence=trade.trade_seq,
        )

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Trades only: whether a liquidation among them has been told already cannot be known, it has no id."""
        return [self._trade(trade) for trade in wire.read_past_trades(body)]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """One frame, two messages: the last 24 hours (not before the first trade), and what a derivatives market says.

        Open interest in dollars becomes base units as any inverse amount does, at the mark price beside it.
        """
        data, number = wire.read_ticker(frame), self._number
        time_micros = data.timestamp * 1000
        last, mark, interest = number(data.last_price), number(data.mark_price), number(data.open_interest)
        notional = data.stats.volume_notional
        if not self._options and instruments.inverse(data.instrument_name):
            if interest is not None:
                interest = instruments.DOLLARS.base(interest, mark) if mark else None
            if (
                wire.text(notional) is None
            ):  # older frames have the dollars only: the quote currency all the same
                notional = data.stats.volume_usd
        funding = wire.text(data.current_funding) or wire.text(data.funding_8h)
        derivative = Derivative(
            time_micros,
            mark_price=mark,
            index_price=number(data.index_price),
            funding_rate=None if funding is None else signed(funding),
            open_interest=interest,
        )
        if last is None:
            return (derivative,)
        day = Ticker(
            last,
            time_micros,
            high_price=number(data.stats.high),
            low_price=number(data.stats.low),
            volume=number(data.stats.volume),
            quote_volume=number(notional),
        )
        return day, derivative

    def _chart(self, frame: bytes) -> Sequence[Message]:
        """``closed`` is not said: a bar is over when the next one comes."""
        resolution, bar = wire.read_chart(frame)
        scaled = self._scaled
        return (
            Kline(
                INTERVALS[resolution],
                bar.tick * 1000,
                scaled[bytes(bar.open).decode()],
                scaled[bytes(bar.high).decode()],
                scaled[bytes(bar.low).decode()],
                scaled[bytes(bar.close).decode()],
                scaled[bytes(bar.volume).decode()],
                None,
                quote_volume=None if self._options else self._number(bar.cost),
            ),
        )


def _liquidation(trade: Trade, side: Side) -> Liquidation:
    return Liquidation(trade.price, trade.quantity, side, trade.exchange_time_micros)
