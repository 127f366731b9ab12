"""OKX v5: spot, perpetual swaps, dated futures."""

from venues.okx.venue import OkxFutures, OkxSpot, OkxSwap

__all__ = ["OkxFutures", "OkxSpot", "OkxSwap"]
