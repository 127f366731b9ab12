"""Bybit's ``publicTrade``: the trades of one order in one frame, at most 1024; what is more follows in frames of the same ``seq``."""

from __future__ import annotations

import uuid
from collections import deque
from functools import partial
from typing import NamedTuple

from simulator.bybit_wire import Wire, send
from simulator.hub import Channel

__all__ = ["Print", "Tape"]

_MOST_IN_FRAME = 1024
_KEPT = 1000
_FIRST_SEQ = 814_547_787_693
_ANY_NAMESPACE = uuid.UUID("6f1c1b0e-6a55-4f0e-9b5b-6d5b1c9d3d10")


class Print(NamedTuple):
    """One trade, in ticks and lots."""

    trade_id: int
    price: int
    lots: int
    seller_aggressed: bool


class Tape:
    """Trades of one instrument, and its cross sequence ``seq``. ``recent`` are REST's, the newest last, with their times and ``seq``."""

    def __init__(self, wire: Wire, channel: Channel) -> None:
        self.seq = _FIRST_SEQ
        self.recent: deque[tuple[Print, int, int]] = deque(maxlen=_KEPT)
        self._wire = wire
        self._channel = channel
        self._waiting: list[Print] = []
        self._last = 0
        self._direction = "ZeroPlusTick"
        self._next_made_up = 1

    def step(self) -> int:
        """Something happened at the exchange: the sequence grows, not always by one."""
        self.seq += 1 + self.seq % 3
        return self.seq

    def add(self, trade: Print) -> None:
        """One more trade of the order at hand."""
        self._waiting.append(trade)

    def match(self, count: int, price: int, time_ms: int) -> None:
        """Many trades of one lot against one order, with ids that no other trade has."""
        first = self._next_made_up
        self._next_made_up += count
        self._waiting += [
            Print(-number, price, 1, seller_aggressed=True) for number in range(first, first + count)
        ]
        self.publish(time_ms)

    def publish(self, time_ms: int) -> None:
        """The order is done."""
        trades, self._waiting = self._waiting, []
        seq = self.step()
        for start in range(0, len(trades), _MOST_IN_FRAME):
            part = trades[start : start + _MOST_IN_FRAME]
            for trade in part:
                self.recent.append((trade, time_ms, seq))
            send(self._channel, partial(self._frame, part, time_ms, seq))

    def trade_id(self, trade: Print) -> str:
        """A number as text on spot, a UUID for contracts."""
        if self._wire.market == "spot":
            return f"{2_290_000_000_000_000_000 + trade.trade_id}"
        return str(uuid.uuid5(_ANY_NAMESPACE, f"{self._wire.name}:{trade.trade_id}"))

    def _frame(self, trades: list[Print], time_ms: int, seq: int) -> bytes:
        data = ",".join([self._text(trade, time_ms, seq) for trade in trades])
        head = f'"type":"snapshot","ts":{time_ms + 2}'
        if self._wire.market == "spot":
            head = f'"ts":{time_ms + 2},"type":"snapshot"'
        return f'{{"topic":"{self._channel.name}",{head},"data":[{data}]}}'.encode()

    def _text(self, trade: Print, time_ms: int, seq: int) -> str:
        wire = self._wire
        side = "Sell" if trade.seller_aggressed else "Buy"
        self._direction = self._tick(trade.price)
        price, quantity, trade_id = wire.price(trade.price), wire.quantity(trade.lots), self.trade_id(trade)
        if wire.market == "spot":
            return (
                f'{{"i":"{trade_id}","T":{time_ms},"p":"{price}","v":"{quantity}","S":"{side}","seq":{seq},'
                f'"s":"{wire.name}","BT":false,"RPI":false}}'
            )
        return (
            f'{{"T":{time_ms},"s":"{wire.name}","S":"{side}","v":"{quantity}","p":"{price}","L":"{self._direction}",'
            f'"i":"{trade_id}","BT":false,"RPI":false,"seq":{seq}}}'
        )

    def _tick(self, price: int) -> str:
        """Against the trade before: up, down, or the same since either."""
        last, self._last = self._last, price
        if price == last:
            return self._direction if self._direction.startswith("Zero") else f"Zero{self._direction}"
        return "PlusTick" if price > last else "MinusTick"
