"""Binance's frames that come once a second: tickers, bars, and on futures mark prices and liquidations.

They are made only while somebody is subscribed, and are no part of the market's rate.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.binance_derivatives import Derivatives, Liquidation
from simulator.binance_history import History, Minute
from simulator.binance_names import (
    Market,
    decimal_text,
    pair,
    percent,
    signed_text,
    wire_decimals,
    wire_symbol,
)
from simulator.feed import Bar, Day, Level
from simulator.hub import Channel, Hub
from simulator.instruments import Instrument

__all__ = ["Seconds"]

_DAY_MS = 24 * 3600 * 1000
_MINUTE_MS = 60_000


class Seconds:
    """One instrument's ``@ticker``, ``@kline_1m``, ``@markPrice@1s`` and ``@forceOrder``.

    The real exchange sends tickers of futures every 2 s and bars every 250 ms (section 4.2); here all have the pace of a second.
    """

    def __init__(self, instrument: Instrument, hub: Hub, market: Market, history: History) -> None:
        self._market = market
        self._instrument = instrument
        self._history = history
        self._wire = wire_symbol(market, instrument.symbol)
        self._pair = pair(instrument)
        self._dated = self._wire.rpartition("_")[2].isdecimal()
        self._price_wire, self._quantity_wire = wire_decimals(market, instrument)
        stream = self._wire.lower()
        self._tickers = hub.channel(f"{stream}@ticker")
        self._bars = hub.channel(f"{stream}@kline_1m")
        self._marks: Channel | None = None
        self._forced: Channel | None = None
        self.derivatives = Derivatives(instrument, f"binance.{market}:{instrument.symbol}")
        self.old_fields = False
        if market != "spot":
            self._marks = hub.channel(f"{stream}@markPrice@1s")
            self._forced = hub.channel(f"{stream}@forceOrder")
        self._sent_trades = (0, 0)

    def second(self, day: Day, time_ms: int, top: Callable[[], tuple[Level, Level]]) -> None:
        """``top`` tells the best bid and ask."""
        if self._tickers.subscribers:
            self._tickers.publish(self._tickers.envelope(self._ticker(day, time_ms, top)))
        bar = day.minute
        state = (bar.start_ms, bar.trades)
        if self._bars.subscribers and (bar.closed or (bar.trades and state != self._sent_trades)):
            self._bars.publish(self._bars.envelope(self._kline(bar, self._history.running, time_ms)))
            self._sent_trades = state
        if self._marks and self._forced:
            self.derivatives.second(day.last)
            if self._marks.subscribers:
                self._marks.publish(self._marks.envelope(self._mark(self.derivatives, time_ms)))
            if self.derivatives.liquidation and self._forced.subscribers:
                self._forced.publish(
                    self._forced.envelope(self._force_order(self.derivatives.liquidation, time_ms))
                )

    def _ticker(self, day: Day, time_ms: int, top: Callable[[], tuple[Level, Level]]) -> str:
        price, quantity, history = self.price, self.quantity, self._history
        change = day.last - day.open
        latest = history.latest
        spot = ""
        if self._market == "spot":
            bid, ask = top()
            spot = f'"b":"{price(bid[0])}","B":"{quantity(bid[1])}","a":"{price(ask[0])}","A":"{quantity(ask[1])}",'
        previous = f'"x":"{price(day.open)}",' if self._market == "spot" else ""
        of_pair = f'"ps":"{self._pair}",' if self._market == "coinm" and not self.old_fields else ""
        return (
            f'{{"e":"24hrTicker","E":{time_ms},"s":"{self._wire}",{of_pair}'
            f'"p":"{signed_text(change, self._instrument.price_decimals, self._price_wire)}",'
            f'"P":"{percent(change, day.open)}","w":"{self.average(day)}",{previous}"c":"{price(day.last)}",'
            f'"Q":"{quantity(latest.lots if latest else 0)}",{spot}"o":"{price(day.open)}","h":"{price(day.high)}",'
            f'"l":"{price(day.low)}","v":"{quantity(day.volume_lots)}","q":"{decimal_text(history.worth, 8, 8)}",'
            f'"O":{time_ms - _DAY_MS},"C":{time_ms},"F":{history.first_id},"L":{latest.trade_id if latest else -1},'
            f'"n":{day.trades}{self._product()}}}'
        )

    def _kline(self, bar: Bar, minute: Minute, time_ms: int) -> str:
        price, quantity = self.price, self.quantity
        return (
            f'{{"e":"kline","E":{time_ms},"s":"{self._wire}","k":{{"t":{bar.start_ms},"T":{bar.start_ms + _MINUTE_MS - 1},'
            f'"s":"{self._wire}","i":"1m","f":{minute.first_id},"L":{minute.last_id},"o":"{price(bar.open)}",'
            f'"c":"{price(bar.close)}","h":"{price(bar.high)}","l":"{price(bar.low)}","v":"{quantity(bar.volume_lots)}",'
            f'"n":{bar.trades},"x":{"true" if bar.closed else "false"},"q":"{decimal_text(minute.worth, 8, 8)}",'
            f'"V":"{quantity(minute.bought_lots)}","Q":"{decimal_text(minute.bought_worth, 8, 8)}","B":"0"}}}}'
        )

    def _mark(self, derivatives: Derivatives, time_ms: int) -> str:
        rate = "" if self._dated else signed_text(derivatives.funding_rate, 8, 8)
        due = 0 if self._dated else derivatives.next_funding_ms(time_ms)
        average = f'"ap":"{decimal_text(derivatives.average, 8, 8)}",' if self._product() else ""
        index = decimal_text(derivatives.index, 8, 8)
        return (
            f'{{"e":"markPriceUpdate","E":{time_ms},"s":"{self._wire}","p":"{decimal_text(derivatives.mark, 8, 8)}",'
            f'{average}"i":"{index}","P":"{index}","r":"{rate}","T":{due}{self._product()}}}'
        )

    def _force_order(self, order: Liquidation, time_ms: int) -> str:
        quantity = self.quantity(order.lots)
        of_pair = f'"ps":"{self._pair}",' if self._market == "coinm" and not self.old_fields else ""
        return (
            f'{{"e":"forceOrder","E":{time_ms},"o":{{"s":"{self._wire}",{of_pair}"S":"{order.side}","o":"LIMIT","f":"IOC",'
            f'"q":"{quantity}","p":"{self.price(order.price)}","ap":"{self.price(order.average)}","X":"FILLED",'
            f'"l":"{quantity}","z":"{quantity}","T":{time_ms}}}}}'
        )

    def _product(self) -> str:
        """USD-M is 1, COIN-M 2 (since 2026-06-30)."""
        if self.old_fields:
            return ""
        return {"spot": "", "usdm": ',"st":1', "coinm": ',"st":2'}[self._market]

    def price(self, ticks: int) -> str:
        """As written in frames."""
        return decimal_text(ticks, self._instrument.price_decimals, self._price_wire)

    def quantity(self, lots: int) -> str:
        """The same."""
        return decimal_text(lots, self._instrument.quantity_decimals, self._quantity_wire)

    def average(self, day: Day) -> str:
        """The day's average price, weighted by quantity."""
        unit = 10 ** (8 - self._instrument.price_decimals)
        return decimal_text(
            day.turnover * unit // day.volume_lots if day.volume_lots else day.last * unit, 8, 8
        )
