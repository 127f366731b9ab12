"""What exchanges say, in one language: frames of every venue decode into these.

Prices and quantities are ints scaled by 10**18 (``venues.numbers``). Quantities of trades, books and liquidations are in the
venue's own unit, contracts where it trades contracts (``venues.units`` makes base units of them); volumes and open interest
of tickers, klines and derivatives are in base units. Times are microseconds since the epoch, UTC. Levels are ``(price,
quantity)`` as the frame had them, quantity 0 removes. None: the frame does not say it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from venues.units import BASE, Unit

__all__ = [
    "BackfillEnd",
    "BestBidAsk",
    "BookDiff",
    "BookImage",
    "BookLost",
    "Checksum",
    "Derivative",
    "Instrument",
    "Kline",
    "Level",
    "Liquidation",
    "Message",
    "Side",
    "Ticker",
    "Trade",
]

Level: TypeAlias = tuple[int, int]
Side: TypeAlias = Literal["BUY", "SELL"]


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade. ``side`` is the taker's."""

    trade_id: str
    price: int
    quantity: int
    side: Side
    exchange_time_micros: int | None
    aggregated: bool = False


class BestBidAsk(msgspec.Struct, frozen=True, gc=False):
    """The exchange's own top of book."""

    update_id: int
    bid_price: int | None
    bid_quantity: int | None
    ask_price: int | None
    ask_quantity: int | None
    exchange_time_micros: int | None


class Checksum(msgspec.Struct, frozen=True, gc=False):
    """The exchange's own sum over its book after a change, with the decimals it writes prices and quantities with."""

    value: int
    price_decimals: int = 0
    quantity_decimals: int = 0


class BookDiff(msgspec.Struct, frozen=True):
    """Changed levels of a book. It covers the update ids ``first_id`` to ``last_id`` and follows on ``previous_id`` where the venue names it.

    ``depth``: levels a side the venue keeps; what falls out below is not told. ``checksum``: of the book after the change.
    """

    first_id: int
    last_id: int
    previous_id: int | None
    bids: list[Level]
    asks: list[Level]
    exchange_time_micros: int | None
    depth: int | None = None
    checksum: Checksum | None = None


class BookImage(msgspec.Struct, frozen=True):
    """A whole book as it stands at ``last_id``. ``in_band``: it came in the stream of its diffs, and always wins."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
    exchange_time_micros: int | None
    in_band: bool = False
    depth: int | None = None
    checksum: Checksum | None = None


class BackfillEnd(msgspec.Struct, frozen=True, gc=False):
    """The exchange has been asked for the missing trades from ``first_id`` to ``last_id``, or between two times.

    ``complete``: it has told all there are; ``reason``: why not.
    """

    first_id: str | None
    last_id: str | None
    complete: bool
    reason: str
    since_micros: int | None = None
    until_micros: int | None = None


class BookLost(msgspec.Struct, frozen=True):
    """Frames are missing that only the producer can know of: the book cannot be trusted until an image comes."""

    reason: str


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours."""

    last_price: int
    exchange_time_micros: int | None
    open_price: int | None = None
    high_price: int | None = None
    low_price: int | None = None
    volume: int | None = None
    quote_volume: int | None = None
    trades: int | None = None


class Kline(msgspec.Struct, frozen=True, gc=False):
    """One bar as it stands. ``closed`` is None where the venue does not say it. ``interval``: 1m, 1h, 1d."""

    interval: str
    open_time_micros: int
    open_price: int
    high_price: int
    low_price: int
    close_price: int
    volume: int | None
    exchange_time_micros: int | None
    quote_volume: int | None = None
    trades: int | None = None
    closed: bool | None = None


class Derivative(msgspec.Struct, frozen=True, gc=False):
    """What a derivatives market says beside its book; rates may be negative (0.0001 is one hundredth of a percent)."""

    exchange_time_micros: int | None
    mark_price: int | None = None
    index_price: int | None = None
    funding_rate: int | None = None
    next_funding_time_micros: int | None = None
    open_interest: int | None = None


class Liquidation(msgspec.Struct, frozen=True, gc=False):
    """An order by which the exchange closes somebody's position. ``side``: of that order, SELL closes a long."""

    price: int
    quantity: int
    side: Side
    exchange_time_micros: int | None


Message: TypeAlias = (
    Trade
    | BestBidAsk
    | BookDiff
    | BookImage
    | BookLost
    | BackfillEnd
    | Ticker
    | Kline
    | Derivative
    | Liquidation
)


class Instrument(msgspec.Struct, frozen=True):
    """What a venue's own metadata says of one instrument. ``tick``, ``lot`` and ``contract_size`` are scaled ints.

    ``lot`` is in the venue's own unit; ``unit`` makes base units of it. ``status`` is the exchange's own word.
    """

    wire_symbol: str
    symbol: str
    base: str
    quote: str
    tick: int
    lot: int
    trading: bool
    unit: Unit = BASE
    settle: str = ""
    status: str = ""
    expiry_micros: int | None = None
