"""Reading Bybit's instruments-info (protocol page, sections 2.3 and 6.5)."""

from __future__ import annotations

from venues.adapter import dated
from venues.bybit.wire import Symbol
from venues.integers import whole
from venues.messages import Instrument
from venues.numbers import ScaledNumbers
from venues.times import yymmdd
from venues.units import Unit

__all__ = ["instrument"]


def instrument(symbol: Symbol, unit: Unit, scaled: ScaledNumbers) -> Instrument:
    """One instrument. A perpetual's ``deliveryTime`` is that of its delisting, and no date of the contract.

    Raises :class:`FrameError` for a delivery time that is no number of milliseconds.
    """
    expiry_ms = whole(symbol.deliveryTime) if symbol.contractType.endswith("Futures") else 0
    lots = symbol.lotSizeFilter
    return Instrument(
        wire_symbol=symbol.symbol,
        symbol=dated(symbol.baseCoin, symbol.quoteCoin, yymmdd(expiry_ms) if expiry_ms else ""),
        base=symbol.baseCoin,
        quote=symbol.quoteCoin,
        tick=scaled[symbol.priceFilter.tickSize],
        lot=scaled[lots.qtyStep or lots.basePrecision],
        trading=symbol.status == "Trading",
        unit=unit,
        settle=symbol.settleCoin,
        status=symbol.status,
        expiry_micros=expiry_ms * 1000 if expiry_ms else None,
    )
