"""In which order REST calls are made where the exchange's weight does not allow all of them at once."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = ["Priority", "Urgency"]


class Urgency(IntEnum):
    """What a call is for; the smaller, the earlier."""

    START = 0
    """The list of instruments, before which nothing of a market is collected."""
    RESYNC = 1
    """A book that is lost until its snapshot comes."""
    BACKFILL = 2
    """Trades that are missing."""
    METADATA = 3
    """What is only refreshed: instruments again, and whatever is polled."""


class Priority(NamedTuple):
    """Priorities compare: the smaller goes first, in this process and in all that share its budget.

    ``rank`` orders calls of one urgency, ``name`` those of one rank, so that the order is always the same.
    """

    urgency: Urgency
    rank: float = 0.0
    name: str = ""

    @classmethod
    def resync(cls, wire_symbol: str, traded: float = 0.0) -> Priority:
        """Of a book: the most ``traded`` instrument first."""
        return cls(Urgency.RESYNC, -traded, wire_symbol)
