"""Whether trades arrive exactly once: the simulator's own count of them beside what became events.

A trade that the exchange made while nobody was subscribed to its stream cannot arrive; those that it sent while a
connection was being broken may be lost with it. All others have to be there, in the order they were made, with price and size to
the digit, and none twice.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import fastavro

from schemas.catalogue import TRADES
from simulator.hub import Channel, Hub
from simulator.instruments import Instrument

__all__ = ["Tape", "trade_id_of"]

_SCHEMA = fastavro.parse_schema(TRADES.schema)
_GRACE_S = 1.0
"""Around a moment in which nobody was subscribed: trades of batches, and what a broken connection still had in its buffers."""


@dataclass
class _Made:
    """One trade of the order flow. ``told``: somebody was subscribed then."""

    number: int
    at_s: float
    told: bool
    price: Decimal
    size: Decimal


@dataclass
class _Instrument:
    """What was made and what was heard, by the trades' ids. ``away``: moments in which nobody was subscribed."""

    wire: str
    listed: Instrument
    channel: Channel
    made: dict[str, _Made] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    away: list[float] = field(default_factory=list)
    last: int = -1


class Tape:
    """Listens to the order flow of a market, and to the trades of a worker. ``wrong``: a sentence for each trade that should not be.

    ``instruments`` by wire symbol as the simulator lists them.
    """

    def __init__(self, exchange: str, market: str, hub: Hub, instruments: dict[str, Instrument]) -> None:
        self.wrong: list[str] = []
        self.not_counted = 0
        """Trades heard that the order flow does not count (Bybit's ``split_trade`` makes some)."""
        self._exchange = exchange
        self._aggregated = exchange == "binance" and market == "coinm"
        self._of_key: dict[bytes, _Instrument] = {}
        for wire, listed in instruments.items():
            one = _Instrument(wire, listed, hub.channels[self._channel(wire)])
            self._of_key[f"{exchange}.{market}.{listed.symbol}".encode()] = one
            self._overhear(hub.feeds[wire], one)

    def _channel(self, wire: str) -> str:
        return {
            "binance": f"{wire.lower()}@{'aggTrade' if self._aggregated else 'trade'}",
            "okx": f"trades-all:{wire}",
            "bybit": f"publicTrade.{wire}",
            "kraken": f"trade:{wire}",
            "coinbase": f"matches:{wire}",
            "coinbase-advanced": f"market_trades:{wire}",
            "deribit": f"trades.{wire}.100ms",
        }[self._exchange]

    def _overhear(self, feed: Any, one: _Instrument) -> None:
        """Put ourselves between the order flow and its feed."""
        method = "aggregate" if self._aggregated else "trade"
        real: Callable[..., None] = getattr(feed, method)

        def overheard(first: int, *rest: int, seller_aggressed: bool) -> None:
            told, now_s = bool(one.channel.subscribers), time.monotonic()
            real(first, *rest, seller_aggressed=seller_aggressed)
            identity = (
                feed.history.aggregates[-1].aggregate_id
                if self._aggregated
                else trade_id_of(self._exchange, feed, first)
            )
            price = Decimal(rest[-2]).scaleb(-one.listed.price_decimals)
            size = Decimal(rest[-1]).scaleb(-one.listed.quantity_decimals)
            one.made[str(identity)] = _Made(len(one.made), now_s, told, price, size)
            if not told:
                one.away.append(now_s)

        setattr(feed, method, overheard)

    def hear(self, events: Iterable[tuple[bytes, bytes, object]]) -> None:
        """Events of a worker."""
        for key, value, _ in events:
            event: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), _SCHEMA, None)
            self._compare(self._of_key[key], event)

    def _compare(self, one: _Instrument, event: dict[str, Any]) -> None:
        identity = event["trade_id"]
        made = one.made.get(identity)
        if made is None:
            self.not_counted += 1
            return
        size = event["quantity"] if event["contracts"] is None else event["contracts"]
        if identity in one.heard:
            self.wrong.append(f"{one.wire} {identity} came twice")
        elif made.number < one.last:
            self.wrong.append(f"{one.wire} {identity} came behind a later one")
        elif (event["price"], size) != (made.price, made.size):
            self.wrong.append(
                f"{one.wire} {identity} is {size} at {event['price']}, was {made.size} at {made.price}"
            )
        one.heard.add(identity)
        one.last = max(one.last, made.number)

    def interrupt(self) -> None:
        """Connections are broken just now: what they have not delivered is lost with them."""
        for one in self._of_key.values():
            one.away.append(time.monotonic())

    def missing(self) -> dict[str, list[str]]:
        """By wire symbol the trades that should have come and did not."""
        found: dict[str, list[str]] = {}
        latest_s = time.monotonic() - _GRACE_S
        for one in self._of_key.values():
            for identity, made in one.made.items():
                if not made.told or identity in one.heard or made.at_s > latest_s:
                    continue
                if not any(abs(made.at_s - gone_s) < _GRACE_S for gone_s in one.away):
                    found.setdefault(one.wire, []).append(identity)
        return found

    def channel(self, wire: str) -> Channel:
        """The simulator's channel of an instrument's trades."""
        return self._of_wire(wire).channel

    def made_of(self, wire: str) -> list[str]:
        """Ids of an instrument's trades, as they were made."""
        return list(self._of_wire(wire).made)

    def _of_wire(self, wire: str) -> _Instrument:
        return next(one for one in self._of_key.values() if one.wire == wire)

    @property
    def made(self) -> int:
        """Trades of the order flow."""
        return sum(len(one.made) for one in self._of_key.values())

    @property
    def heard(self) -> int:
        """Those of them that became events."""
        return sum(len(one.heard) for one in self._of_key.values())


def trade_id_of(exchange: str, feed: Any, trade_id: int) -> str | int:
    """What an exchange calls a trade of the order flow."""
    if exchange == "bybit":
        return str(feed.tape.trade_id(_Numbered(trade_id)))
    if exchange == "deribit" and feed.contract.base != "BTC":
        return f"{feed.contract.base}-{trade_id}"
    return trade_id


class _Numbered:
    """As much of a Bybit print as its id is made of."""

    def __init__(self, trade_id: int) -> None:
        self.trade_id = trade_id
