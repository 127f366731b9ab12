"""Synthetic order flow as Bybit's frames: all topics of one instrument."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bookmill.errors import ConfigurationError
from simulator.bybit_books import Batches
from simulator.bybit_depths import Depths
from simulator.bybit_figures import INTERVALS, Klines, Standing, Tickers
from simulator.bybit_trades import Print, Tape
from simulator.bybit_wire import Wire, send
from simulator.faults import call_named
from simulator.feed import Bar, Day, Level, Truth
from simulator.hub import Hub

__all__ = ["BybitFeed"]

_LIQUIDATION_EVERY_S = 15


class BybitFeed:
    """``batches`` is the count of the deepest book, by which the order flow counts too."""

    def __init__(self, wire: Wire, hub: Hub, batches: Batches) -> None:
        self.wire = wire
        self.klines = Klines(wire)
        self.tickers = Tickers(wire)
        self.tape = Tape(wire, hub.channel(f"publicTrade.{wire.name}"))
        self.books = Depths(wire, hub, batches, self.tape)
        self._contracts = wire.market != "spot"
        self._ticker = hub.channel(f"tickers.{wire.name}")
        self._bars = {interval: hub.channel(f"kline.{interval}.{wire.name}") for interval in INTERVALS}
        self._liquidations = hub.channel(f"allLiquidation.{wire.name}") if self._contracts else None
        self._open_interest = 1000 * wire.instrument.lot_scale
        self._scenarios: dict[str, Callable[..., None]] = {
            "snapshot": self.books.images,
            "restart": self._restart,
            "hole": self._lose,
            "delist": self.books.delist,
            "relist": self.books.relist,
            "repeat": self.books.repeat,
            "split_trade": self._split_trade,
            "ticker": self._few_fields,
            "liquidation": self._liquidation,
        }

    @property
    def time_ms(self) -> int:
        """The exchange's clock."""
        return self.books.time_ms

    @time_ms.setter
    def time_ms(self, time_ms: int) -> None:
        self.books.time_ms = time_ms

    @property
    def truth(self) -> Callable[[], Truth]:
        """Set by the live market."""
        return self.books.real

    @truth.setter
    def truth(self, truth: Callable[[], Truth]) -> None:
        self.books.real = truth

    def first_frame(self, topic: str) -> bytes | None:
        """What a new subscriber of a topic is sent at once; None where it begins with the next event."""
        kind, argument = topic.split(".")[:2]
        if kind == "orderbook":
            return self.books.first_frame(int(argument))
        if kind == "tickers" and self.tickers.fields:
            return self._ticker_frame("snapshot", self.tickers.fields)
        return None

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill: it waits for the others of its order. Every other one closes positions."""
        self.tape.add(Print(trade_id, price, quantity, seller_aggressed))
        self._open_interest += quantity if trade_id % 2 else -min(quantity, self._open_interest // 2)

    def aggregate(
        self,
        first_id: int,  # noqa: ARG002  each fill has said all this
        last_id: int,  # noqa: ARG002
        price: int,  # noqa: ARG002
        quantity: int,  # noqa: ARG002
        *,
        seller_aggressed: bool,  # noqa: ARG002
    ) -> None:
        """The fills of an order at one price are together: one frame."""
        self.tape.publish(self.time_ms)

    def top(self, update_id: int, bid: Level, ask: Level) -> None:  # noqa: ARG002  level 1 has its own count
        """A new best price or quantity."""
        self.books.set_top(bid, ask)

    def depth(
        self,
        first_id: int,  # noqa: ARG002  the streams count by themselves
        last_id: int,  # noqa: ARG002
        previous_id: int,  # noqa: ARG002
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """A batch of changed levels."""
        self.books.publish(bids, asks)

    def second(self, day: Day) -> None:
        """Tickers, bars, and now and then a liquidation: of a long one when the price is below that of the day before."""
        self.books.second()
        bid, ask = self.books.top
        first = not self.tickers.fields
        changed = self.tickers.update(day, Standing(bid, ask, self._open_interest), self.time_ms)
        if first or not self._contracts:
            send(self._ticker, partial(self._ticker_frame, "snapshot", self.tickers.fields))
        elif changed:
            send(self._ticker, partial(self._ticker_frame, "delta", changed))
        for interval in INTERVALS:
            send(self._bars[interval], partial(self._bar_frame, interval, day.minute))
        self.klines.update(day.minute)
        if self._contracts and self.time_ms // 1000 % _LIQUIDATION_EVERY_S == 0:
            self._liquidation("Buy" if day.last < day.open else "Sell", self.wire.instrument.lot_scale)

    def image(self) -> bytes:
        """The snapshot of the deepest book."""
        return self.books.first_frame(self.books.deepest.depth)

    def scenario(self, name: str, **arguments: Any) -> None:
        """``snapshot`` (``jump``), ``restart`` (``kind``), ``hole`` (``count``), ``delist``, ``relist``, ``repeat``, ``split_trade``
        (``trades``), ``ticker`` (``fields``), ``liquidation`` (``side``, ``lots``)."""
        call_named("scenario", self._scenarios, name, arguments)

    def _restart(self, kind: str = "snapshot") -> None:
        if kind not in {"snapshot", "delta"}:
            raise ConfigurationError(f"A frame's type is snapshot or delta, not '{kind}'.")
        self.books.restart(kind)

    def _lose(self, count: int = 1) -> None:
        self.books.lose(count)

    def _split_trade(self, trades: int = 1500) -> None:
        """One order's match of so many trades of one lot, in frames that share ``seq``. They are no part of the truth."""
        self.tape.match(trades, self.books.top[0][0], self.books.now_ms)

    def _few_fields(self, fields: Sequence[str] = ("markPrice",)) -> None:
        """A ticker delta of these fields alone."""
        texts = {name: self.tickers.fields.get(name, "") for name in fields}
        send(self._ticker, partial(self._ticker_frame, "delta", texts))

    def _liquidation(self, side: str = "Buy", lots: int = 1) -> None:
        """A position of that side is closed at the best bid."""
        if side not in {"Buy", "Sell"} or self._liquidations is None:
            raise ConfigurationError("What is liquidated is a contract's position, of side Buy or Sell.")
        send(self._liquidations, partial(self._liquidation_frame, side, lots, self.books.top[0][0]))

    def _ticker_frame(self, kind: str, fields: dict[str, str]) -> bytes:
        data = json.dumps({"symbol": self.wire.name, **fields}, separators=(",", ":"))
        time_ms, seq = self.books.now_ms, self.tape.seq
        if self._contracts:
            more = f'"type":"{kind}","data":{data},"cs":{seq},"ts":{time_ms}'
        else:
            more = f'"ts":{time_ms},"type":"{kind}","cs":{seq},"data":{data}'
        return f'{{"topic":"{self._ticker.name}",{more}}}'.encode()

    def _bar_frame(self, interval: str, minute: Bar) -> bytes:
        bar = self.klines.bar(interval, minute)
        data = json.dumps(self.klines.data(interval, bar, self.time_ms), separators=(",", ":"))
        name = self._bars[interval].name
        return f'{{"topic":"{name}","data":[{data}],"ts":{self.time_ms},"type":"snapshot"}}'.encode()

    def _liquidation_frame(self, side: str, lots: int, price: int) -> bytes:
        wire, time_ms = self.wire, self.books.now_ms
        return (
            f'{{"topic":"allLiquidation.{wire.name}","type":"snapshot","ts":{time_ms},"data":[{{"T":{time_ms},'
            f'"s":"{wire.name}","S":"{side}","v":"{wire.quantity(lots)}","p":"{wire.price(price)}"}}]}}'
        ).encode()
