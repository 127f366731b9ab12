"""Writing what an instrument's data lack: gaps as they open and close."""

from __future__ import annotations

from typing import Literal, NamedTuple

from schemas.codec import long_bytes, optional_long_bytes, optional_text_bytes, text_bytes
from schemas.event_parts import BOOLEANS, SOURCES, EventParts, Source

__all__ = ["Cause", "GapEvents", "GapState", "Healing"]

Cause = Literal[
    "sequence",
    "checksum",
    "disconnect",
    "silent",
    "crossed",
    "producer",
    "unreadable",
    "restart",
    "time",
]
"""Why something is missing."""

Healing = Literal["snapshot", "image", "backfill", "late", "resumed", "none"]
"""How a gap closed."""


class GapState(NamedTuple):
    """A gap as an event tells it; ``closed_micros`` None: it opens. Times are microseconds since the epoch."""

    gap: str
    stream: str
    cause: Cause
    expected: str | None
    seen: str | None
    first_trade_id: int | None
    last_trade_id: int | None
    missed: int | None
    attempts: int
    opened_micros: int
    closed_micros: int | None
    since_micros: int | None
    until_micros: int | None
    healed: Healing
    complete: bool


class GapEvents(EventParts):
    """The part of :class:`schemas.events.EventWriter` that writes the ledger."""

    def gap(
        self,
        source: Source,
        state: GapState,
        exchange_time_micros: int | None,
        receive_time_micros: int,
        offset: int,
        index: int,
    ) -> bytes:
        """One ``gaps`` value."""
        return b"".join(
            (
                self._gap,
                SOURCES[source],
                text_bytes(state.gap),
                text_bytes(state.stream),
                b"\x00" if state.closed_micros is None else b"\x02",
                text_bytes(state.cause),
                optional_text_bytes(state.expected),
                optional_text_bytes(state.seen),
                *map(optional_long_bytes, (state.first_trade_id, state.last_trade_id, state.missed)),
                long_bytes(state.attempts),
                long_bytes(state.opened_micros),
                *map(optional_long_bytes, (state.closed_micros, state.since_micros, state.until_micros)),
                text_bytes(state.healed),
                BOOLEANS[state.complete],
                *self._tail(exchange_time_micros, receive_time_micros, offset, index),
            )
        )
