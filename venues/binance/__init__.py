"""Binance spot and USD-M futures."""

from venues.binance.venue import BinanceSpot, BinanceUsdm

__all__ = ["BinanceSpot", "BinanceUsdm"]
