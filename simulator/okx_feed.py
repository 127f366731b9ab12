"""Synthetic order flow as OKX's frames (OKX docs: order book, trades, tickers, candlesticks, public data channels).

A frame nobody is subscribed to is counted, but not made. ``seqId`` is the market's own update id until a scenario has shifted it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Channel, Hub
from simulator.okx_book import BookWindow
from simulator.okx_contracts import Contract, Numerals
from simulator.okx_figures import BARS, Figures
from simulator.okx_scenarios import Scenarios

__all__ = ["OkxFeed"]

_HEARTBEAT_MS = 60_000
_EVERY_S = {"open-interest": 3, "funding-rate": 30}
_LIQUIDATION_S = 10
_KEPT_TRADES = 10_000


class OkxFeed:
    """One instrument. ``scale``: how much faster the exchange's clock runs than the times in frames."""

    truth: Callable[[], Truth]

    def __init__(self, contract: Contract, hub: Hub, scale: float = 1.0) -> None:
        self.time_ms = 0
        self.contract = contract
        self.price = Numerals(contract.instrument.price_decimals)
        self.quantity = Numerals(contract.instrument.quantity_decimals)
        self.figures = Figures(contract, self.price, self.quantity)
        self.scenarios = Scenarios(self)
        self.trades: deque[str] = deque(maxlen=_KEPT_TRADES)
        self.seq = -1
        """Of the last frame of the book; -1 before anybody has seen it."""
        self._heartbeat_ms = _HEARTBEAT_MS / scale
        self._book: BookWindow | None = None
        self._shift = 0
        self._told_ms = 0
        self._seconds = 0
        self._top_id = 0
        self._last_trade: str | None = None
        wire = contract.wire
        self._channels = {
            name: hub.channel(f"{name}:{wire}")
            for name in (
                "books",
                "bbo-tbt",
                "trades",
                "trades-all",
                "tickers",
                *(f"candle{bar}" for bar in BARS),
            )
        }
        if contract.kind != "SPOT":
            for name in ("mark-price", "open-interest"):
                self._channels[name] = hub.channel(f"{name}:{wire}")
            self._channels["index-tickers"] = hub.channel(f"index-tickers:{contract.family}")
            self._channels["liquidation-orders"] = hub.channel(f"liquidation-orders:{contract.kind}")
        if contract.kind == "SWAP":
            self._channels["funding-rate"] = hub.channel(f"funding-rate:{wire}")
        self._rows: dict[str, Callable[[], str | None]] = {
            "tickers": lambda: _json(self.figures.ticker(self._now_ms())),
            "mark-price": lambda: _json(self.figures.mark_price(self._now_ms())),
            "index-tickers": lambda: _json(self.figures.index(self._now_ms())),
            "open-interest": lambda: _json(self.figures.open_interest(self._now_ms())),
            "funding-rate": lambda: _json(self.figures.funding_rate(self._now_ms())),
            **{f"candle{bar}": partial(self._candle, bar) for bar in BARS},
        }

    # What the market says.

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill: ``trades-all``."""
        self.figures.traded(quantity)
        row = self._trade_row(trade_id, price, quantity, seller_aggressed=seller_aggressed)
        self.trades.append(row)
        self._publish("trades-all", row)

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None:
        """All fills of one order at one price: ``trades``, with the id of the last of them."""
        row = self._trade_row(last_id, price, quantity, seller_aggressed=seller_aggressed)
        self._last_trade = f'{row[:-1]},"count":"{last_id - first_id + 1}","seqId":{max(self.seq, 0)}}}'
        self._publish("trades", self._last_trade)

    def top(self, update_id: int, bid: Level, ask: Level) -> None:
        """Best bid and ask: ``bbo-tbt``, always the whole state."""
        self.figures.best = (bid, ask)
        self._top_id = update_id
        self._publish("bbo-tbt", self._top_row)

    def depth(
        self,
        first_id: int,  # noqa: ARG002  the signature is the protocol's
        last_id: int,
        previous_id: int,  # noqa: ARG002  same
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """Changed levels: ``books``. The first call finds the market as it was before."""
        book = self._window()
        reset_to = self.scenarios.take_reset()
        if reset_to is not None:
            self._shift = reset_to - last_id
        self.tell(*book.update(bids, asks), last_id + self._shift)

    def second(self, day: Day) -> None:
        """Tickers and candles, mark price and index every second; open interest, funding and liquidations now and then."""
        time_ms = self.time_ms
        self.figures.second(day)
        self._seconds += 1
        self.scenarios.second(time_ms)
        if time_ms - self._told_ms >= self._heartbeat_ms:
            self.heartbeat()
        for name, row in self._rows.items():
            if self._seconds % _EVERY_S.get(name, 1) == 0:
                self._publish(name, row)
        if self._seconds % _LIQUIDATION_S == 0:
            self.liquidate("sell" if self._seconds // _LIQUIDATION_S % 2 else "buy")

    def image(self) -> bytes:
        """The snapshot that a subscription of ``books`` begins with: ``prevSeqId`` is -1."""
        bids, asks = self._window().levels()
        return self._book_frame("snapshot", bids, asks, -1, self.seq)

    def scenario(self, name: str, **arguments: Any) -> None:
        """See :class:`~simulator.okx_scenarios.Scenarios`."""
        call_named("scenario", self.scenarios.known(), name, arguments)

    # What sessions, REST and scenarios ask.

    def opening(self, channel: str) -> bytes | None:
        """The frame a new subscription begins with: the state as it is. None where there is none yet, or never."""
        if channel == "books":
            return self.image()
        row = {"trades": lambda: self._last_trade, "bbo-tbt": self._top_row, **self._rows}.get(channel)
        text = row() if row else None
        return None if text is None else self._frame(self._channels[channel], text)

    def sequence(self, update_id: int) -> int:
        """The seqId that goes with the market's own update id."""
        return update_id + self._shift

    def tell(self, bids: list[Level], asks: list[Level], seq: int) -> None:
        """Publish an update of the book; ``seq`` the last one's and no levels: nothing has changed."""
        before, self.seq, self._told_ms = self.seq, seq, self._now_ms()
        channel = self._channels["books"]
        if channel.subscribers:
            channel.publish(self._book_frame("update", bids, asks, before, seq))
        else:
            _count_unsent(channel)

    def heartbeat(self) -> None:
        """Publish an update that changes nothing."""
        if self.seq >= 0:
            self.tell([], [], self.seq)

    def overlay(self, bids: Mapping[int, int]) -> None:
        """Publish bids of an auction, or what is there in their place: they take an id of their own."""
        book = self._window()
        self._shift += 1
        self.tell(*book.update(bids, {}), self.seq + 1)

    def liquidate(self, side: str, lots: int = 0) -> None:
        """An order by which the exchange closes a position, at the last price; ``lots`` 0: a usual order's."""
        if self.figures.day is None:
            return
        one, price = self.contract, self.price[self.figures.day.last]
        size = self.quantity[lots or one.instrument.lot_scale]
        self._publish(
            "liquidation-orders",
            lambda: (
                f'{{"details":[{{"bkLoss":"0","bkPx":"{price}","ccy":"","posSide":"{"long" if side == "sell" else "short"}",'
                f'"side":"{side}","sz":"{size}","ts":"{self.time_ms}"}}],"instFamily":"{one.family}","instId":"{one.wire}",'
                f'"instType":"{one.kind}","uly":"{one.family}"}}'
            ),
        )

    # Frames.

    def _now_ms(self) -> int:
        """The market opens with its first subscriber, who is answered before that."""
        return self.time_ms or time.time_ns() // 1_000_000

    def _window(self) -> BookWindow:
        if self._book is None:
            truth = self.truth()
            self._book = BookWindow(truth.bids, truth.asks)
            self.seq, self._told_ms = self.sequence(truth.update_id), self._now_ms()
        return self._book

    def _trade_row(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> str:
        return (
            f'{{"instId":"{self.contract.wire}","tradeId":"{trade_id}","px":"{self.price[price]}",'
            f'"sz":"{self.quantity[quantity]}","side":"{"sell" if seller_aggressed else "buy"}","ts":"{self.time_ms}",'
            '"source":"0"}'
        )

    def _candle(self, bar: str) -> str | None:
        return _json(self.figures.candle(bar))

    def _top_row(self) -> str | None:
        if self.figures.best is None:
            return None
        bid, ask = self.figures.best
        return (
            f'{{"asks":[{self._level_text([ask])}],"bids":[{self._level_text([bid])}],"ts":"{self.time_ms}",'
            f'"seqId":{self.sequence(self._top_id)}}}'
        )

    def _book_frame(
        self, action: str, bids: list[Level], asks: list[Level], previous: int, seq: int
    ) -> bytes:
        integrity = self.scenarios.integrity(previous, seq, self._window())
        return (
            f'{{"arg":{{"channel":"books","instId":"{self.contract.wire}"}},"action":"{action}","data":[{{"asks":['
            f'{self._level_text(asks)}],"bids":[{self._level_text(bids)}],"ts":"{self._now_ms()}"{integrity}}}]}}'
        ).encode()

    def _level_text(self, levels: list[Level]) -> str:
        price, quantity = self.price, self.quantity
        return ",".join(
            [f'["{price[ticks]}","{quantity[lots]}","0","{1 if lots else 0}"]' for ticks, lots in levels]
        )

    def _publish(self, name: str, row: str | Callable[[], str | None]) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        if not channel.subscribers:
            _count_unsent(channel)
            return
        text = row if isinstance(row, str) else row()
        if text is not None:
            channel.publish(self._frame(channel, text))

    @staticmethod
    def _frame(channel: Channel, row: str) -> bytes:
        name, _, asked = channel.name.partition(":")
        key = "instType" if name == "liquidation-orders" else "instId"
        return f'{{"arg":{{"channel":"{name}","{key}":"{asked}"}},"data":[{row}]}}'.encode()


def _count_unsent(channel: Channel) -> None:
    channel.published += 1
    channel.unsent += 1


def _json(row: Any) -> str | None:
    return None if row is None else json.dumps(row, separators=(",", ":"))
