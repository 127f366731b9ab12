"""Binance's frames as messages (protocol page, sections 3.3, 4.2 and 4.5). The hot path: one struct read, no copy of it.

Times of frames are milliseconds. A liquidation says what was filled of the exchange's order: quantity ``z`` at the average
price ``ap``; where nothing is filled yet, what the order asks: ``q`` at its limit ``p``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, Adapter
from venues.binance import wire
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Kline,
    Liquidation,
    Message,
    Ticker,
    Trade,
)
from venues.numbers import signed

__all__ = ["FUTURES_DECODERS", "SPOT_DECODERS", "Decoding"]


SPOT_DECODERS: Mapping[str, str] = {
    "depth": "_depth",
    "bookTicker": "_book_ticker",
    "trade": "_trade",
    "aggTrade": "_agg_trade",
    "ticker": "_ticker",
    "kline_*": "_kline",
}
"""By the exchange's channel names: of a stream's name what stands between the first ``@`` and the second."""

FUTURES_DECODERS: Mapping[str, str] = {
    **SPOT_DECODERS,
    "markPrice": "_mark_price",
    "forceOrder": "_force_order",
}


class Decoding(Adapter):
    """How each channel's frames are read; what a market has is in its table of decoders."""

    exchange = "binance"
    _decoders: ClassVar[Mapping[str, str]] = SPOT_DECODERS

    def decode_snapshot(self, body: bytes) -> BookImage:
        """A REST depth answer. A new listing's ``lastUpdateId`` of -1 is kept: no diff will follow it."""
        try:
            data = wire.read_snapshot(body)
        except UNREADABLE as error:
            raise FrameError(f"Not a Binance depth snapshot: {error}.") from error
        scaled = self._scaled
        return BookImage(
            data.lastUpdateId,
            [(scaled[p], scaled[q]) for p, q in data.bids],
            [(scaled[p], scaled[q]) for p, q in data.asks],
            None if data.T is None else data.T * 1000,
        )

    def _depth(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_depth(frame).data
        if data.u < data.U:
            raise FrameError(f"A Binance depth frame ends before it starts: U {data.U}, u {data.u}.")
        scaled = self._scaled
        return (
            BookDiff(
                data.U,
                data.u,
                data.pu,
                [(scaled[p], scaled[q]) for p, q in data.b],
                [(scaled[p], scaled[q]) for p, q in data.a],
                (data.E if data.T is None else data.T) * 1000,
            ),
        )

    def _book_ticker(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_book_ticker(frame).data
        scaled = self._scaled
        time_ms = data.T
        return (
            BestBidAsk(
                data.u,
                scaled[data.b],
                scaled[data.B],
                scaled[data.a],
                scaled[data.A],
                None if time_ms is None else time_ms * 1000,
            ),
        )

    def _trade(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_trade(frame).data
        if data.X != "MARKET":  # insurance fund, auto-deleveraging: no trade of the book
            return ()
        scaled = self._scaled
        return (
            Trade(
                str(data.t),
                scaled[data.p],
                scaled[data.q],
                "SELL" if data.m else "BUY",
                data.T * 1000,
                sequence=data.t,
            ),
        )

    def _agg_trade(self, frame: bytes) -> Sequence[Message]:
        return (self._folded(wire.read_agg_trade(frame).data),)

    def _folded(self, data: wire.AggTrade) -> Trade:
        scaled = self._scaled
        return Trade(
            str(data.a),
            scaled[data.p],
            scaled[data.q],
            "SELL" if data.m else "BUY",
            data.T * 1000,
            aggregated=True,
            sequence=data.a,
        )

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Of either endpoint, which are told apart by the name of the flag; quantities are those of the stream."""
        if b'"isBuyerMaker"' not in body:
            return [self._folded(data) for data in wire.read_past_agg_trades(body)]
        scaled = self._scaled
        return [
            Trade(
                str(data.id),
                scaled[data.price],
                scaled[data.qty],
                "SELL" if data.isBuyerMaker else "BUY",
                data.time * 1000,
                sequence=data.id,
            )
            for data in wire.read_past_trades(body)
        ]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_ticker(frame).data
        scaled = self._scaled
        volume, quote_volume = self._volumes(data.v, data.q)
        return (
            Ticker(
                scaled[data.c],
                data.E * 1000,
                open_price=scaled[data.o],
                high_price=scaled[data.h],
                low_price=scaled[data.l],
                volume=volume,
                quote_volume=quote_volume,
                trades=data.n,
            ),
        )

    def _kline(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_kline(frame).data
        bar = data.k
        scaled = self._scaled
        volume, quote_volume = self._volumes(bar.v, bar.q)
        return (
            Kline(
                bar.i,
                bar.t * 1000,
                scaled[bar.o],
                scaled[bar.h],
                scaled[bar.l],
                scaled[bar.c],
                volume,
                data.E * 1000,
                quote_volume=quote_volume,
                trades=bar.n,
                closed=bar.x,
            ),
        )

    def _volumes(self, v: str, q: str) -> tuple[int, int | None]:
        """Base and quote volume: where contracts are traded, ``v`` counts them and ``q`` is in base units."""
        scaled = self._scaled
        return (scaled[q], None) if self.contracts else (scaled[v], scaled[q])

    def _mark_price(self, frame: bytes) -> Sequence[Message]:
        data = wire.read_mark_price(frame).data
        scaled = self._scaled
        return (
            Derivative(
                data.E * 1000,
                mark_price=scaled[data.p],
                index_price=scaled[data.i] if data.i else None,
                funding_rate=signed(data.r) if data.r else None,
                next_funding_time_micros=data.T * 1000 if data.T else None,
            ),
        )

    def _force_order(self, frame: bytes) -> Sequence[Message]:
        order = wire.read_force_order(frame).data.o
        scaled = self._scaled
        price, quantity = scaled[order.ap], scaled[order.z]
        if not (price and quantity):
            price, quantity = scaled[order.p], scaled[order.q]
        return (Liquidation(price, quantity, order.S, order.T * 1000),)
