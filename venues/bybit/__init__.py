"""Bybit v5: spot, linear (USDT and USDC) and inverse contracts."""

from venues.bybit.venue import BybitInverse, BybitLinear, BybitSpot

__all__ = ["BybitInverse", "BybitLinear", "BybitSpot"]
