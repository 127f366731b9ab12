"""Synthetic order flow as Binance's frames. A frame nobody is subscribed to is counted, but not made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bookmill.errors import ConfigurationError
from simulator.binance_history import Aggregate, Fill, History
from simulator.binance_names import Market, decimal_text, pair, wire_decimals, wire_symbol
from simulator.binance_seconds import Seconds
from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Channel, Hub
from simulator.instruments import Instrument

__all__ = ["BinanceFeed"]


class BinanceFeed:
    """One instrument's ``@trade``, ``@aggTrade``, ``@bookTicker`` and ``@depth@100ms``, and what comes once a second.

    Scenarios: ``liquidate`` closes a position by force in the next second; ``delete_unknown_level`` puts a level that was never
    there into the next depth frame, with quantity zero; ``old_fields`` leaves out what futures' frames have since 2025-12
    (``nq``, ``st``, ``ps``, ``ap``).
    """

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub, market: Market) -> None:
        self.time_ms = 0
        self.instrument = instrument
        self._futures = market != "spot"
        self._wire = wire_symbol(market, instrument.symbol)
        stream = self._wire.lower()
        self._trades = hub.channel(f"{stream}@trade")
        self._aggregates = hub.channel(f"{stream}@aggTrade")
        self._tops = hub.channel(f"{stream}@bookTicker")
        self._depths = hub.channel(f"{stream}@depth@100ms")
        price_wire, quantity_wire = wire_decimals(market, instrument)
        self._price = _Numerals(instrument.price_decimals, price_wire)
        self._quantity = _Numerals(instrument.quantity_decimals, quantity_wire)
        product = f'"st":{2 if market == "coinm" else 1}'
        self._comma_product, self._product_comma = f",{product}", f"{product},"
        self._of_pair = f'"ps":"{pair(instrument)}",'
        self._without_rpi = market == "usdm"
        self._next_aggregate = 1_000_001
        self._top: tuple[Level, Level] | None = None
        self._unknown_levels = 0
        self.history = History(instrument, market)
        self.seconds = Seconds(instrument, hub, market, self.history)

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill."""
        self.history.trade(Fill(trade_id, price, quantity, self.time_ms, seller_aggressed))
        if not self._trades.subscribers:
            _count_unsent(self._trades)
            return
        maker = "true" if seller_aggressed else "false"
        p, q, time_ms = self._price.text(price), self._quantity.text(quantity), self.time_ms
        if self._futures:
            data = (
                f'{{"e":"trade","E":{time_ms},"T":{time_ms},"s":"{self._wire}","t":{trade_id},"p":"{p}","q":"{q}",'
                f'"X":"MARKET","m":{maker}{self._comma_product}}}'
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
        self.history.aggregates.append(
            Aggregate(
                self._next_aggregate, first_id, last_id, price, quantity, self.time_ms, seller_aggressed
            )
        )
        if not self._aggregates.subscribers:
            _count_unsent(self._aggregates)
            return
        maker = "true" if seller_aggressed else "false"
        p, q, time_ms = self._price.text(price), self._quantity.text(quantity), self.time_ms
        without_rpi = f'"nq":"{q}",' if self._without_rpi else ""
        end = f"{self._comma_product}}}" if self._futures else ',"M":true}'
        self._aggregates.publish(
            self._aggregates.envelope(
                f'{{"e":"aggTrade","E":{time_ms},"s":"{self._wire}","a":{self._next_aggregate},"p":"{p}","q":"{q}",'
                f'{without_rpi}"f":{first_id},"l":{last_id},"T":{time_ms},"m":{maker}{end}'
            )
        )

    def top(self, update_id: int, bid: Level, ask: Level) -> None:
        """Best bid and ask."""
        self._top = bid, ask
        if not self._tops.subscribers:
            _count_unsent(self._tops)
            return
        price, quantity = self._price.text, self._quantity.text
        levels = (
            f'"b":"{price(bid[0])}","B":"{quantity(bid[1])}","a":"{price(ask[0])}","A":"{quantity(ask[1])}"'
        )
        if self._futures:
            data = (
                f'{{"e":"bookTicker","u":{update_id},"s":"{self._wire}",{self._of_pair}{levels},'
                f'"T":{self.time_ms},"E":{self.time_ms}{self._comma_product}}}'
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
        if self._unknown_levels:
            self._unknown_levels -= 1
            bids = {**bids, 1: 0}
        head = f'{{"e":"depthUpdate","E":{self.time_ms},'
        if self._futures:
            head += f'"T":{self.time_ms},"s":"{self._wire}",{self._of_pair}{self._product_comma}"U":{first_id},"u":{last_id},"pu":{previous_id},'
        else:
            head += f'"s":"{self._wire}","U":{first_id},"u":{last_id},'
        self._depths.publish(
            self._depths.envelope(
                f'{head}"b":[{self._levels(sorted(bids.items(), reverse=True))}],"a":[{self._levels(sorted(asks.items()))}]}}'
            )
        )

    def second(self, day: Day) -> None:
        """Ticker, bar, mark price, liquidation."""
        self.history.second(day)
        self.seconds.second(day, self.time_ms, self.best)

    def best(self) -> tuple[Level, Level]:
        """Best bid and ask."""
        if self._top is None:
            truth = self.truth()
            self._top = truth.bids[0], truth.asks[0]
        return self._top

    def image(self) -> bytes:
        """Books come by REST here."""
        return b""

    def scenario(self, name: str, **arguments: Any) -> None:
        """See the class."""
        known: dict[str, Callable[..., None]] = {
            "liquidate": self._liquidate,
            "delete_unknown_level": self._delete_unknown_level,
            "old_fields": self._leave_out_new_fields,
        }
        call_named("scenario", known, name, arguments)

    def _liquidate(self, side: str = "SELL", lots: int = 1) -> None:
        if not self._futures or side not in ("SELL", "BUY"):
            raise ConfigurationError("Positions are liquidated on futures, with the side SELL or BUY.")
        self.seconds.derivatives.force(side, lots)

    def _delete_unknown_level(self, count: int = 1) -> None:
        self._unknown_levels += count

    def _leave_out_new_fields(self) -> None:
        self._comma_product = self._product_comma = self._of_pair = ""
        self._without_rpi = False
        self.seconds.old_fields = True

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
