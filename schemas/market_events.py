"""Writing what a market says beside its book and its trades: tickers, klines, derivatives, liquidations."""

from __future__ import annotations

from schemas.codec import (
    decimal_bytes,
    long_bytes,
    optional_decimal_bytes,
    optional_long_bytes,
    text_bytes,
)
from schemas.event_parts import OPTIONAL_BOOLEANS, SIDES, SOURCES, Side, Source
from schemas.gap_events import GapEvents
from schemas.measures import change

__all__ = ["MarketEvents"]


class MarketEvents(GapEvents):
    """The half of :class:`schemas.events.EventWriter` that knows no book; volumes and open interest are in base units."""

    def ticker(
        self,
        source: Source,
        last_price: int,
        open_price: int | None,
        high_price: int | None,
        low_price: int | None,
        volume: int | None,
        quote_volume: int | None,
        trades: int | None,
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``tickers`` value. Raises :class:`FrameError` where the change in percent has more than 38 digits."""
        return b"".join(
            (
                self._ticker,
                SOURCES[source],
                decimal_bytes(last_price),
                *map(optional_decimal_bytes, (open_price, high_price, low_price, volume, quote_volume)),
                optional_long_bytes(trades),
                *map(optional_decimal_bytes, change(last_price, open_price)),
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )

    def kline(
        self,
        source: Source,
        interval: str,
        open_time_micros: int,
        prices: tuple[int, int, int, int],
        volume: int | None,
        quote_volume: int | None,
        trades: int | None,
        closed: bool | None,  # noqa: FBT001  a field like the others
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``klines`` value. ``prices``: open, high, low, close."""
        return b"".join(
            (
                self._kline,
                SOURCES[source],
                text_bytes(interval),
                long_bytes(open_time_micros),
                *map(decimal_bytes, prices),
                optional_decimal_bytes(volume),
                optional_decimal_bytes(quote_volume),
                optional_long_bytes(trades),
                OPTIONAL_BOOLEANS[closed],
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )

    def derivative(
        self,
        source: Source,
        mark_price: int | None,
        index_price: int | None,
        funding_rate: int | None,
        next_funding_time_micros: int | None,
        open_interest: int | None,
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``derivatives`` value. ``funding_rate`` is scaled like the prices, and may be negative."""
        return b"".join(
            (
                self._derivative,
                SOURCES[source],
                *map(optional_decimal_bytes, (mark_price, index_price, funding_rate)),
                optional_long_bytes(next_funding_time_micros),
                optional_decimal_bytes(open_interest),
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )

    def liquidation(
        self,
        source: Source,
        price: int,
        quantity: int,
        contracts: int | None,
        side: Side,
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``liquidations`` value. ``contracts``: the venue's own quantity where it trades contracts."""
        return b"".join(
            (
                self._liquidation,
                SOURCES[source],
                decimal_bytes(price),
                decimal_bytes(quantity),
                optional_decimal_bytes(contracts),
                SIDES[side],
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )
