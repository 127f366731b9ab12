"""The material of all markets, in the order of ``venues.registry.VENUES``."""

from __future__ import annotations

from tests.conformance import binance, bybit, coinbase, deribit, kraken, okx
from tests.conformance.material import Material

__all__ = ["MARKETS"]

MARKETS: tuple[Material, ...] = (
    *binance.MATERIAL,
    *okx.MATERIAL,
    *bybit.MATERIAL,
    *kraken.MATERIAL,
    *coinbase.MATERIAL,
    *deribit.MATERIAL,
)
