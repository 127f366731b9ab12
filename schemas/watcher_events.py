"""Writing what watchers make of events: ``tops``, ``consolidated`` and ``alerts``, in the order of the fields of their ``.avsc``."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Literal, NamedTuple

from schemas.codec import decimal_bytes, long_bytes, optional_decimal_bytes, optional_text_bytes, text_bytes
from schemas.event_parts import BOOLEANS
from schemas.market_kinds import MarketKind
from schemas.measures import measure

__all__ = [
    "AlertEvent",
    "AlertState",
    "Best",
    "Source",
    "Top",
    "TopOrigin",
    "alert_value",
    "consolidated_value",
    "top_value",
]

TopOrigin = Literal["book", "ticker"]
AlertState = Literal["fired", "cleared"]

Top = tuple[int | None, int | None, int | None, int | None]
"""Bid price and quantity, ask price and quantity: ints scaled by 10**18."""


class Source(NamedTuple):
    """The parts of an event id: topic, partition and offset of the record that was processed, number among its events."""

    topic: str
    partition: int
    offset: int
    number: int


class Best(NamedTuple):
    """The best of one side of all books: whose it is."""

    price: int
    quantity: int
    exchange: str
    market: str


class AlertEvent(NamedTuple):
    """One alert, without its place. ``trigger``: id of the event that caused it."""

    exchange: str
    market: str
    symbol: str
    trigger: str
    rule: str
    rule_name: str
    kind: str
    state: AlertState
    direction: str | None
    value: int | None
    threshold: int | None
    message: str
    dashboard: bool
    receive_micros: int

    @property
    def alert(self) -> str:
        """Which alert this is: the same one always has the same."""
        return f"{self.rule}:{self.trigger}"


_name = lru_cache(maxsize=1 << 14)(text_bytes)
"""Of what is written again and again: exchanges, markets, symbols, topics."""


@lru_cache(maxsize=64)
def _head(schema_id: int) -> bytes:
    return struct.pack(">bI", 0, schema_id)


def _tail(receive_micros: int, source: Source) -> bytes:
    topic, partition, offset, index = source
    return b"".join((long_bytes(receive_micros), _name(topic), *map(long_bytes, (partition, offset, index))))


def top_value(
    schema_id: int,
    exchange: str,
    market: str,
    symbol: str,
    origin: TopOrigin,
    top: Top,
    receive_micros: int,
    source: Source,
    *,
    live: bool,
) -> bytes:
    """One ``tops`` value."""
    return b"".join(
        (
            _head(schema_id),
            *map(_name, (exchange, market, symbol, origin)),
            BOOLEANS[live],
            *map(optional_decimal_bytes, top),
            _tail(receive_micros, source),
        )
    )


def consolidated_value(
    schema_id: int,
    symbol: str,
    kind: MarketKind,
    bid: Best | None,
    ask: Best | None,
    cross_bps: int | None,
    venues: int,
    receive_micros: int,
    source: Source,
) -> bytes:
    """One ``consolidated`` value."""
    measures = measure(bid.price if bid else None, ask.price if ask else None)
    return b"".join(
        (
            _head(schema_id),
            _name(symbol),
            _name(kind),
            *_side(bid),
            *_side(ask),
            *map(optional_decimal_bytes, (*measures, cross_bps)),
            long_bytes(venues),
            _tail(receive_micros, source),
        )
    )


def _side(best: Best | None) -> tuple[bytes, ...]:
    if best is None:
        return (b"\x00",) * 4
    price, quantity, exchange, market = best
    return (
        b"\x02" + decimal_bytes(price),
        b"\x02" + decimal_bytes(quantity),
        b"\x02" + _name(exchange),
        b"\x02" + _name(market),
    )


def alert_value(schema_id: int, event: AlertEvent, source: Source) -> bytes:
    """One ``alerts`` value."""
    return b"".join(
        (
            _head(schema_id),
            *map(text_bytes, (event.exchange, event.market, event.symbol, event.alert)),
            *map(text_bytes, (event.rule, event.rule_name, event.kind, event.state)),
            optional_text_bytes(event.direction),
            *map(optional_decimal_bytes, (event.value, event.threshold)),
            text_bytes(event.message),
            BOOLEANS[event.dashboard],
            _tail(event.receive_micros, source),
        )
    )
