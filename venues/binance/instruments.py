"""Binance's ``exchangeInfo``: BASE-QUOTE from its own base and quote, contracts with their size and date (sections 3.4, 4.3, 4.5)."""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.errors import FrameError
from venues.adapter import dated
from venues.binance import wire
from venues.messages import Instrument
from venues.numbers import ScaledNumbers
from venues.units import BASE, Unit

__all__ = ["read_instruments"]


def read_instruments(body: bytes, scaled: ScaledNumbers) -> Sequence[Instrument]:
    """All of them; ``BTC-USDT``, dated contracts ``BTC-USDT-261225``. Raises FrameError, or what is UNREADABLE."""
    return [_instrument(symbol, scaled) for symbol in wire.read_instruments(body).symbols]


def _instrument(symbol: wire.Symbol, scaled: ScaledNumbers) -> Instrument:
    # BTCUSDT_261225 has a date; BTCUSD_PERP, COIN-M's perpetual, has none whatever its contract type is called:
    # one in delivery is a "CURRENT_QUARTER DELIVERING" (seen 2026-09).
    date = symbol.symbol.partition("_")[2]
    date = date if date.isdecimal() else ""
    status = symbol.status or symbol.contractStatus
    return Instrument(
        wire_symbol=symbol.symbol,
        symbol=dated(symbol.baseAsset, symbol.quoteAsset, date),
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        tick=_step(symbol, "PRICE_FILTER", scaled),
        lot=_step(symbol, "LOT_SIZE", scaled),
        trading=status == "TRADING",
        unit=_unit(symbol, scaled),
        settle=symbol.marginAsset,
        status=status,
        # A perpetual's deliveryDate is the year 2100.
        expiry_micros=symbol.deliveryDate * 1000 if date and symbol.deliveryDate else None,
    )


def _step(symbol: wire.Symbol, kind: str, scaled: ScaledNumbers) -> int:
    for item in symbol.filters:
        if item.filterType == kind:
            return scaled[item.tickSize or item.stepSize]
    raise FrameError(f"Binance lists {symbol.symbol} without {kind}.")


def _unit(symbol: wire.Symbol, scaled: ScaledNumbers) -> Unit:
    """COIN-M alone has contracts: 100 USD of BTC, 10 USD of anything else."""
    text = bytes(symbol.contractSize).decode()
    if not text or text == "null":
        return BASE
    size = scaled[text]
    if not size:
        raise FrameError(f"The contract size of Binance {symbol.symbol} is 0.")
    return Unit(size, inverse=True)
