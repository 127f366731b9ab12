"""What exchanges say, in one language: frames of every venue decode into these.

Prices and quantities are ints scaled by 10**18 (``venues.numbers``); quantities in base units. Times are microseconds
since the epoch, UTC. Levels are ``(price, quantity)`` as the frame had them, quantity 0 removes.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["BestBidAsk", "BookDiff", "BookImage", "Instrument", "Level", "Message", "Trade"]

Level: TypeAlias = tuple[int, int]


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade. ``side`` is the taker's."""

    trade_id: str
    price: int
    quantity: int
    side: Literal["BUY", "SELL"]
    exchange_time_micros: int | None
    aggregated: bool = False


class BestBidAsk(msgspec.Struct, frozen=True, gc=False):
    """The exchange's own top of book."""

    update_id: int
    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int
    exchange_time_micros: int | None


class BookDiff(msgspec.Struct, frozen=True):
    """Changed levels of a book. It covers the update ids ``first_id`` to ``last_id`` and follows on ``previous_id`` where the venue names it."""

    first_id: int
    last_id: int
    previous_id: int | None
    bids: list[Level]
    asks: list[Level]
    exchange_time_micros: int | None


class BookImage(msgspec.Struct, frozen=True):
    """A whole book as it stands at ``last_id``, best levels first on both sides."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
    exchange_time_micros: int | None


Message: TypeAlias = Trade | BestBidAsk | BookDiff | BookImage


class Instrument(msgspec.Struct, frozen=True):
    """What a venue's own metadata says of one instrument. ``tick`` and ``lot`` are scaled ints."""

    wire_symbol: str
    symbol: str
    base: str
    quote: str
    tick: int
    lot: int
    trading: bool
