"""Deribit: perpetuals, dated futures and options."""

from venues.deribit.venue import DeribitFutures, DeribitOption, DeribitSwap

__all__ = ["DeribitFutures", "DeribitOption", "DeribitSwap"]
