"""Binance spot, USD-M and COIN-M futures."""

from venues.binance.markets import BinanceCoinm, BinanceSpot, BinanceUsdm

__all__ = ["BinanceCoinm", "BinanceSpot", "BinanceUsdm"]
