"""Synthetic order flow as Binance's frames. A frame nobody is subscribed to is counted, but not made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Channel, Hub
from simulator.instruments import Instrument

__all__ = ["BinanceFeed", "decimal_text", "wire_decimals"]


def wire_decimals(market: Literal["spot", "usdm"], instrument: Instrument) -> tuple[int, int]:
    """Decimals that prices and quantities are written with: spot always 8, USD-M a price precision finer than some ticks."""
    if market == "spot":
        return 8, 8
    return max(2, instrument.price_decimals), max(instrument.quantity_decimals, 0)


def decimal_text(value: int, decimals: int, wire: int) -> str:
    """``value`` steps of 10^-decimals, written with ``wire`` decimals."""
    padded = value * 10 ** (wire - decimals)
    if not wire:
        return str(padded)
    unit = 10**wire
    return f"{padded // unit}.{padded % unit:0{wire}d}"


class BinanceFeed:
    """One instrument's ``@trade``, ``@aggTrade``, ``@bookTicker`` and ``@depth@100ms``."""

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub, market: Literal["spot", "usdm"]) -> None:
        self.time_ms = 0
        self._futures = market == "usdm"
        self._wire = instrument.base + instrument.quote
        stream = self._wire.lower()
        self._trades = hub.channel(f"{stream}@trade")
        self._aggregates = hub.channel(f"{stream}@aggTrade")
        self._tops = hub.channel(f"{stream}@bookTicker")
        self._depths = hub.channel(f"{stream}@depth@100ms")
        price_wire, quantity_wire = wire_decimals(market, instrument)
        self._price = _Numerals(instrument.price_decimals, price_wire)
        self._quantity = _Numerals(instrument.quantity_decimals, quantity_wire)
        self._next_aggregate = 1_000_001

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill."""
        if not self._trades.subscribers:
            _count_unsent(self._trades)
            return
        maker = "true" if seller_aggressed else "false"
        p, q, time_ms = self._price.text(price), self._quantity.text(quantity), self.time_ms
        if self._futures:
            data = (
                f'{{"e":"trade","E":{time_ms},"T":{time_ms},"s":"{self._wire}","t":{trade_id},"p":"{p}","q":"{q}",'
                f'"X":"MARKET","m":{maker},"st":1}}'
            )
        else:
            data = (
                f'{{"e":"trade","E":{time_ms},"s":"{self._wire}","t":{trade_id},"p":"{p}","q":"{q}","T":{time_ms},'
                f'"m":{maker},"M":true}}'
            )
        self._trades.publish(self._trades.envelope(data))

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None:
        """All fills of one order at one price."""
        self._next_aggregate += 1
        if not self._aggregates.subscribers:
            _count_unsent(self._aggregates)
            return
        maker = "true" if seller_aggressed else "false"
        p, q, time_ms = self._price.text(price), self._quantity.text(quantity), self.time_ms
        without_rpi, end = (f'"nq":"{q}",', ',"st":1}') if self._futures else ("", ',"M":true}')
        self._aggregates.publish(
            self._aggregates.envelope(
                f'{{"e":"aggTrade","E":{time_ms},"s":"{self._wire}","a":{self._next_aggregate},"p":"{p}","q":"{q}",'
                f'{without_rpi}"f":{first_id},"l":{last_id},"T":{time_ms},"m":{maker}{end}'
            )
        )

    def top(self, update_id: int, bid: Level, ask: Level) -> None:
        """Best bid and ask."""
        if not self._tops.subscribers:
            _count_unsent(self._tops)
            return
        price, quantity = self._price.text, self._quantity.text
        levels = (
            f'"b":"{price(bid[0])}","B":"{quantity(bid[1])}","a":"{price(ask[0])}","A":"{quantity(ask[1])}"'
        )
        if self._futures:
            data = (
                f'{{"e":"bookTicker","u":{update_id},"s":"{self._wire}","ps":"{self._wire}",{levels},'
                f'"T":{self.time_ms},"E":{self.time_ms},"st":1}}'
            )
        else:
            data = f'{{"u":{update_id},"s":"{self._wire}",{levels}}}'
        self._tops.publish(self._tops.envelope(data))

    def depth(
        self, first_id: int, last_id: int, previous_id: int, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        """Changed levels, best first."""
        if not self._depths.subscribers:
            _count_unsent(self._depths)
            return
        head = f'{{"e":"depthUpdate","E":{self.time_ms},'
        if self._futures:
            head += f'"T":{self.time_ms},"s":"{self._wire}","ps":"{self._wire}","st":1,"U":{first_id},"u":{last_id},"pu":{previous_id},'
        else:
            head += f'"s":"{self._wire}","U":{first_id},"u":{last_id},'
        self._depths.publish(
            self._depths.envelope(
                f'{head}"b":[{self._levels(sorted(bids.items(), reverse=True))}],"a":[{self._levels(sorted(asks.items()))}]}}'
            )
        )

    def second(self, day: Day) -> None:
        """Nothing comes once a second."""

    def image(self) -> bytes:
        """Books come by REST here."""
        return b""

    def scenario(self, name: str, **arguments: Any) -> None:
        """There is none: the faults that all exchanges have say all."""
        call_named("scenario", {}, name, arguments)

    def _levels(self, levels: list[Level]) -> str:
        price, quantity = self._price.text, self._quantity.text
        return ",".join([f'["{price(p)}","{quantity(q)}"]' for p, q in levels])


class _Numerals:
    """Decimal texts of whole steps, for one instrument; a price or quantity once written is remembered."""

    _MOST = 50_000

    def __init__(self, decimals: int, wire: int) -> None:
        self._decimals = decimals
        self._wire = wire
        self._known: dict[int, str] = {}

    def text(self, value: int) -> str:
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            known = self._known[value] = decimal_text(value, self._decimals, self._wire)
        return known


def _count_unsent(channel: Channel) -> None:
    channel.published += 1
    channel.unsent += 1
