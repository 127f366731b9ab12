"""Reading Bybit's instruments-info (protocol page, sections 2.3 and 6.5)."""

from __future__ import annotations

from venues.adapter import dated
from venues.bybit.wire import Symbol
from venues.integers import whole
from venues.messages import Instrument
from venues.numbers import ScaledNumbers
from venues.units import Unit

__all__ = ["instrument"]

_DAY_MS = 86_400_000


def instrument(symbol: Symbol, unit: Unit, scaled: ScaledNumbers) -> Instrument:
    """One instrument. A perpetual's ``deliveryTime`` is that of its delisting, and no date of the contract.

    Raises :class:`FrameError` for a delivery time that is no number of milliseconds.
    """
    expiry_ms = whole(symbol.deliveryTime) if symbol.contractType.endswith("Futures") else 0
    lots = symbol.lotSizeFilter
    return Instrument(
        wire_symbol=symbol.symbol,
        symbol=dated(symbol.baseCoin, symbol.quoteCoin, _date(expiry_ms)),
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


def _date(time_ms: int) -> str:
    """``YYMMDD`` of a time, empty for 0: the Gregorian calendar in years that begin on the first of March (no clock needed)."""
    if not time_ms:
        return ""
    era, day = divmod(time_ms // _DAY_MS + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year = 400 * era + year + (month >= 10)
    return f"{year % 100:02d}{(month + 2) % 12 + 1:02d}{day + 1:02d}"
