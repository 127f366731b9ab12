"""OKX's frames as messages. What each field means and from where that is known: ``docs/venues/okx.md``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bookmill.errors import FrameError
from venues.adapter import Adapter
from venues.integers import counted
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Checksum,
    Derivative,
    Kline,
    Liquidation,
    Message,
    Side,
    Ticker,
    Trade,
)
from venues.numbers import signed
from venues.okx import wire
from venues.okx.subscriptions import BARS, INDEX, LIQUIDATIONS

__all__ = ["OkxDecoding"]

_SIDES: dict[str, Side] = {"buy": "BUY", "sell": "SELL"}
_INTERVALS = {f"candle{bar}": interval for interval, bar in BARS.items()}


class OkxDecoding(Adapter):
    """Frames of the exchange's channels, by their own names. ``contracts``: whether sizes count contracts, not base units."""

    contracts: bool = True

    _decoders: ClassVar[dict[str, str]] = {
        "books": "_books",
        "bbo-tbt": "_best",
        "trades": "_trades",
        "trades-all": "_trades",
        "tickers": "_ticker",
        "candle*": "_candles",
        "mark-price": "_mark_price",
        INDEX: "_index_price",
        "funding-rate": "_funding_rate",
        "open-interest": "_open_interest",
        LIQUIDATIONS: "_liquidations",
    }

    def _books(self, frame: bytes) -> Sequence[Message]:
        read = wire.read_books(frame)
        book = read.data[0]
        scaled = self._scaled
        bids = [(scaled[level.px], scaled[level.sz]) for level in book.bids]
        asks = [(scaled[level.px], scaled[level.sz]) for level in book.asks]
        time_micros = book.ts * 1000
        update_id = time_micros if book.seqId is None else book.seqId
        checksum = Checksum(book.checksum) if book.checksum else None
        if read.action == "snapshot":
            return (BookImage(update_id, bids, asks, time_micros, in_band=True, checksum=checksum),)
        if book.seqId is not None and book.prevSeqId is None:
            raise FrameError(f"An OKX book update with seqId {book.seqId} names none before it.")
        return (BookDiff(update_id, update_id, book.prevSeqId, bids, asks, time_micros, checksum=checksum),)

    def _best(self, frame: bytes) -> Sequence[Message]:
        best = wire.read_bbo(frame).data[0]
        scaled, time_micros = self._scaled, best.ts * 1000
        bid, ask = best.bids[0] if best.bids else None, best.asks[0] if best.asks else None
        return (
            BestBidAsk(
                time_micros if best.seqId is None else best.seqId,
                scaled[bid.px] if bid else None,
                scaled[bid.sz] if bid else None,
                scaled[ask.px] if ask else None,
                scaled[ask.sz] if ask else None,
                time_micros,
            ),
        )

    def _trades(self, frame: bytes) -> Sequence[Message]:
        """``count`` matches of one taker order at one price; the id is that of the last of them."""
        return [self._trade(trade) for trade in wire.read_trades(frame).data]

    def _trade(self, trade: wire.Trade) -> Trade:
        scaled = self._scaled
        return Trade(
            trade.tradeId,
            scaled[trade.px],
            scaled[trade.sz],
            _SIDES[trade.side],
            trade.ts * 1000,
            aggregated=trade.count > 1,
            sequence=counted(trade.tradeId),
            count=max(1, trade.count),
        )

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        """Newest first there. Each match comes by itself, also where the stream's are aggregated."""
        answer = wire.read_past_trades(body)
        if answer.code != "0":
            raise FrameError(f"OKX refuses to tell past trades: {answer.code} {answer.msg}.")
        return [self._trade(trade) for trade in reversed(answer.data)]

    def _ticker(self, frame: bytes) -> Sequence[Message]:
        """Contracts: ``vol24h`` counts contracts, ``volCcy24h`` base units. Spot: base and quote units."""
        number, contracts = self._number, self.contracts
        return [
            Ticker(
                self._scaled[row.last],
                row.ts * 1000,
                open_price=number(row.open24h),
                high_price=number(row.high24h),
                low_price=number(row.low24h),
                volume=number(row.volCcy24h if contracts else row.vol24h),
                quote_volume=None if contracts else number(row.volCcy24h),
            )
            for row in wire.read_ticker(frame).data
            if row.last  # nothing has traded yet
        ]

    def _candles(self, frame: bytes) -> Sequence[Message]:
        """``vol`` and ``volCcy`` as in tickers, ``volCcyQuote`` always in quote units. A frame has no time of its own."""
        read = wire.read_candles(frame)
        interval = _INTERVALS.get(read.arg.channel)
        if interval is None:
            raise FrameError(f"OKX sent bars that were not asked for: {read.arg.channel}.")
        scaled, number = self._scaled, self._number
        return [
            Kline(
                interval,
                bar.ts * 1000,
                scaled[bar.open],
                scaled[bar.high],
                scaled[bar.low],
                scaled[bar.close],
                number(bar.vol_ccy if self.contracts else bar.vol),
                None,
                quote_volume=number(bar.vol_ccy_quote),
                closed=bar.confirm == "1",
            )
            for bar in read.data
        ]

    def _mark_price(self, frame: bytes) -> Sequence[Message]:
        rows = wire.read_mark_price(frame).data
        return [Derivative(row.ts * 1000, mark_price=self._scaled[row.markPx]) for row in rows]

    def _index_price(self, frame: bytes) -> Sequence[Message]:
        rows = wire.read_index_ticker(frame).data
        return [Derivative(row.ts * 1000, index_price=self._scaled[row.idxPx]) for row in rows]

    def _funding_rate(self, frame: bytes) -> Sequence[Message]:
        """``fundingRate`` is paid at ``fundingTime``, which is ahead; ``nextFundingTime`` is the one after that."""
        return [
            Derivative(
                None if row.ts is None else row.ts * 1000,
                funding_rate=signed(row.fundingRate),
                next_funding_time_micros=row.fundingTime * 1000,
            )
            for row in wire.read_funding_rate(frame).data
        ]

    def _open_interest(self, frame: bytes) -> Sequence[Message]:
        """``oiCcy`` is in base units (``oi`` in contracts)."""
        rows = wire.read_open_interest(frame).data
        return [Derivative(row.ts * 1000, open_interest=self._scaled[row.oiCcy]) for row in rows]

    def _liquidations(self, frame: bytes) -> Sequence[Message]:
        """At the bankruptcy price, in contracts. A frame of several instruments has no one place to belong to."""
        rows = wire.read_liquidations(frame).data
        if len({row.instId for row in rows}) > 1:
            raise FrameError(
                f"An OKX liquidation frame of several instruments: {', '.join(row.instId for row in rows)}."
            )
        scaled = self._scaled
        return [
            Liquidation(scaled[order.bkPx], scaled[order.sz], _SIDES[order.side], order.ts * 1000)
            for row in rows
            for order in row.details
        ]

    def _number(self, text: str) -> int | None:
        return self._scaled[text] if text else None
