"""Reading Bybit's market frames (protocol page, section 6.2). All markets have the same shapes; what differs is the unit.

An inverse contract is 1 USD: its ``volume`` counts USD and its ``turnover`` coins, so that the two change places, and its
open interest in coins is ``openInterestValue``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import Adapter
from venues.bybit import wire
from venues.bybit.topics import INTERVALS
from venues.integers import whole
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
from venues.units import BASE, Unit

__all__ = ["BybitFrames"]

_OURS = {theirs: ours for ours, theirs in INTERVALS.items()}
_SIDES: dict[str, Side] = {"Buy": "BUY", "Sell": "SELL"}
_CLOSING: dict[str, Side] = {"Buy": "SELL", "Sell": "BUY"}
"""The order that closes a position, by the position's side."""


class BybitFrames(Adapter):
    """Decoders by channel."""

    SPOT: ClassVar[Mapping[str, str]] = {
        "orderbook.1": "_best",
        "orderbook.1000": "_book",
        "orderbook.200": "_book",
        "orderbook.50": "_book",
        "publicTrade": "_trades",
        "tickers": "_ticker",
        "kline.*": "_klines",
    }
    CONTRACTS: ClassVar[Mapping[str, str]] = {
        **SPOT,
        "tickers": "_ticker_and_derivative",
        "allLiquidation": "_liquidations",
    }
    _unit: Unit = BASE

    def _book(self, frame: bytes) -> Sequence[Message]:
        """A snapshot, and whatever has ``u`` 1 (the exchange restarted), is an image; it may come at any time."""
        data = wire.read_book(frame)
        book = data.data
        scaled = self._scaled
        bids = [(scaled[p], scaled[q]) for p, q in book.b]
        asks = [(scaled[p], scaled[q]) for p, q in book.a]
        u = book.u
        time_micros = (data.ts if data.cts is None else data.cts) * 1000
        if data.type == "delta" and u != 1:
            return (BookDiff(u, u, None, bids, asks, time_micros),)
        return (BookImage(u, bids, asks, time_micros, in_band=True),)

    def _best(self, frame: bytes) -> Sequence[Message]:
        """A snapshot each time; an unchanged one is repeated with its ``u`` after 3 s."""
        data = wire.read_book(frame)
        if data.type != "snapshot":
            raise FrameError("A Bybit orderbook.1 frame is no snapshot.")
        bid_price, bid_quantity = self._only(data.data.b)
        ask_price, ask_quantity = self._only(data.data.a)
        return (
            BestBidAsk(
                data.data.u,
                bid_price,
                bid_quantity,
                ask_price,
                ask_quantity,
                (data.ts if data.cts is None else data.cts) * 1000,
            ),
        )

    def _only(self, side: list[tuple[str, str]]) -> Level | tuple[None, None]:
        if not side:
            return None, None
        [(price, quantity)] = side
        return self._scaled[price], self._scaled[quantity]

    def _trades(self, frame: bytes) -> Sequence[Message]:
        """Up to 1024 trades, oldest first; a larger match goes on in the next frame."""
        scaled = self._scaled
        return [
            Trade(trade.i, scaled[trade.p], scaled[trade.v], _SIDES[trade.S], trade.T * 1000)
            for trade in wire.read_trades(frame).data
        ]

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Newest first there; ids are those of the stream."""
        answer = wire.read_past_trades(body)
        if answer.retCode:
            raise FrameError(f"Bybit refuses to tell past trades: {answer.retCode} {answer.retMsg}.")
        scaled = self._scaled
        return [
            Trade(one.execId, scaled[one.price], scaled[one.size], _SIDES[one.side], whole(one.time) * 1000)
            for one in reversed(answer.result.trades or ())
        ]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """None where a delta has no last price."""
        read = wire.read_ticker(frame)
        return self._last_day(read.data, read.ts * 1000)

    def _ticker_and_derivative(self, frame: bytes) -> Sequence[Message]:
        """What of either is in the frame: one channel brings both."""
        read = wire.read_ticker(frame)
        data, time_micros, number = read.data, read.ts * 1000, self._number
        derivative = Derivative(
            time_micros,
            mark_price=number(data.markPrice),
            index_price=number(data.indexPrice),
            funding_rate=signed(data.fundingRate) if data.fundingRate else None,
            next_funding_time_micros=whole(data.nextFundingTime or "0") * 1000 or None,
            open_interest=number(data.openInterestValue if self._unit.inverse else data.openInterest),
        )
        if derivative == Derivative(time_micros):
            return self._last_day(data, time_micros)
        return (*self._last_day(data, time_micros), derivative)

    def _last_day(self, data: wire.Ticker, time_micros: int) -> tuple[Message, ...]:
        if not data.lastPrice:
            return ()
        number = self._number
        volume, quote_volume = self._base_and_quote(data.volume24h, data.turnover24h)
        return (
            Ticker(
                self._scaled[data.lastPrice],
                time_micros,
                open_price=number(data.prevPrice24h),
                high_price=number(data.highPrice24h),
                low_price=number(data.lowPrice24h),
                volume=volume,
                quote_volume=quote_volume,
            ),
        )

    def _klines(self, frame: bytes) -> Sequence[Message]:
        scaled = self._scaled
        bars = []
        for bar in wire.read_klines(frame).data:
            if bar.interval not in _OURS:
                continue
            volume, quote_volume = self._base_and_quote(bar.volume, bar.turnover)
            bars.append(
                Kline(
                    _OURS[bar.interval],
                    bar.start * 1000,
                    scaled[bar.open],
                    scaled[bar.high],
                    scaled[bar.low],
                    scaled[bar.close],
                    volume,
                    bar.timestamp * 1000,
                    quote_volume=quote_volume,
                    closed=bar.confirm,
                )
            )
        return bars

    def _liquidations(self, frame: bytes) -> Sequence[Message]:
        """The exchange names the position's side; we name that of the order which closes it."""
        scaled = self._scaled
        return [
            Liquidation(scaled[one.p], scaled[one.v], _CLOSING[one.S], one.T * 1000)
            for one in wire.read_liquidations(frame).data
        ]

    def _base_and_quote(self, volume: str, turnover: str) -> tuple[int | None, int | None]:
        pair = self._number(volume), self._number(turnover)
        return pair[::-1] if self._unit.inverse else pair

    def _number(self, text: str) -> int | None:
        """None for the empty text, by which the exchange says that there is no such thing."""
        return self._scaled[text] if text else None
