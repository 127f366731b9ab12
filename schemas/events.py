"""Writing events: Confluent wire format (0x00, schema id, datum) from scaled ints.

An :class:`EventWriter` belongs to one instrument in one raw partition: what is the same in all its events is written
once. Field order is that of the ``.avsc`` files; a property test holds each event against fastavro's own reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from schemas.codec import (
    decimal_bytes,
    decimals_array,
    long_bytes,
    optional_decimal_bytes,
    optional_long_bytes,
    text_bytes,
)
from schemas.event_parts import BOOLEANS, SIDES, SOURCES, Side, Source
from schemas.market_events import MarketEvents
from schemas.measures import measure

__all__ = ["EventWriter", "Origin", "Reason", "State", "UpdateKind"]

State = Literal["live", "resyncing", "stale", "degraded"]
Origin = Literal["book", "ticker"]
Reason = Literal["interval", "resync"]
UpdateKind = Literal["image", "delta"]

_STATES: dict[State, bytes] = {"live": b"\x00", "resyncing": b"\x02", "stale": b"\x04", "degraded": b"\x06"}
_ORIGINS: dict[Origin, bytes] = {"book": b"\x00", "ticker": b"\x02"}
_REASONS: dict[Reason, bytes] = {"interval": b"\x00", "resync": b"\x02"}
_KINDS: dict[UpdateKind, bytes] = {"image": b"\x00", "delta": b"\x02"}
_NULL = b"\x00"
_PRESENT = b"\x02"


class EventWriter(MarketEvents):
    """Writes the events of one instrument from one raw partition.

    ``schema_ids`` as the registry gave them. Prices, quantities and measures are ints scaled by 10**18, None where the
    schema allows null; times are microseconds since the epoch. Each method returns one record value.
    """

    # Best prices of the last event and what is made of them, as written: most events change one of them, or a quantity.
    _bid: int | None = None
    _ask: int | None = None
    _bid_bytes = _ask_bytes = _NULL
    _measures = _NULL * 3

    def trade(
        self,
        source: Source,
        trade_id: str,
        price: int,
        quantity: int,
        contracts: int | None,
        side: Side,
        aggregated: bool,  # noqa: FBT001  a field like the others
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``trades`` value. ``contracts``: the venue's own quantity where it trades contracts."""
        return b"".join(
            (
                self._trade,
                SOURCES[source],
                text_bytes(trade_id),
                decimal_bytes(price),
                decimal_bytes(quantity),
                optional_decimal_bytes(contracts),
                SIDES[side],
                BOOLEANS[aggregated],
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )

    def spread(
        self,
        origin: Origin,
        source: Source,
        state: State,
        update_id: int,
        top: tuple[int | None, int | None, int | None, int | None],
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``spreads`` value. ``top``: bid price and quantity, ask price and quantity."""
        bid, bid_quantity, ask, ask_quantity = top
        if bid != self._bid or ask != self._ask:
            self._write_prices(bid, ask)
        return b"".join(  # spelled out: most events are these
            (
                self._spread,
                _ORIGINS[origin],
                SOURCES[source],
                _STATES[state],
                long_bytes(update_id),
                self._bid_bytes,
                optional_decimal_bytes(bid_quantity),
                self._ask_bytes,
                optional_decimal_bytes(ask_quantity),
                self._measures,
                _NULL if exchange_time_micros is None else _PRESENT + long_bytes(exchange_time_micros),
                long_bytes(receive_time_micros),
                self._origin,
                long_bytes(offset),
                long_bytes(index),
            )
        )

    def _write_prices(self, bid: int | None, ask: int | None) -> None:
        if bid != self._bid:
            self._bid, self._bid_bytes = bid, optional_decimal_bytes(bid)
        if ask != self._ask:
            self._ask, self._ask_bytes = ask, optional_decimal_bytes(ask)
        mid, spread, spread_bps = map(optional_decimal_bytes, measure(bid, ask))
        self._measures = mid + spread + spread_bps

    def book_snapshot(
        self,
        source: Source,
        state: State,
        reason: Reason,
        update_id: int,
        bids: tuple[Sequence[int], Sequence[int]],
        asks: tuple[Sequence[int], Sequence[int]],
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``book_snapshots`` value. ``bids`` and ``asks``: prices and quantities, best first."""
        _, spread, spread_bps = measure(bids[0][0] if bids[0] else None, asks[0][0] if asks[0] else None)
        return b"".join(
            (
                self._snapshot,
                SOURCES[source],
                _STATES[state],
                _REASONS[reason],
                long_bytes(update_id),
                *map(decimals_array, (*bids, *asks)),
                optional_decimal_bytes(spread),
                optional_decimal_bytes(spread_bps),
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )

    def book_update(
        self,
        kind: UpdateKind,
        source: Source,
        state: State,
        update_id: int,
        depth: int | None,
        bids: tuple[Sequence[int], Sequence[int]],
        asks: tuple[Sequence[int], Sequence[int]],
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``book_updates`` value. ``bids`` and ``asks``: prices and quantities that change, or all of them, best first."""
        return b"".join(
            (
                self._update,
                _KINDS[kind],
                SOURCES[source],
                _STATES[state],
                long_bytes(update_id),
                optional_long_bytes(depth),
                *map(decimals_array, (*bids, *asks)),
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )
