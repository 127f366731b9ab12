"""Which rows of a table can be held against the raw log, as conditions of SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.spans import Span
from audit.stored import Limit
from schemas.event_id import event_id

__all__ = ["Cold", "Scope", "below", "quoted", "scope_of"]

Cold = Mapping[tuple[str, str], int]
"""By raw topic and symbol: the raw offset from which on it can be compared."""

_OF_A_BOOK = {
    "spreads": "origin = 'book' AND source != 'poll'",
    "book_snapshots": "source != 'poll'",
}
"""Rows that tell of a book that was followed; of other tables none does, but for the ledger."""


def quoted(text: str) -> str:
    """As a string of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def below(topic: str, partition: int, limit: Limit) -> str:
    """Rows of a source partition whose event id is below ``limit``."""
    offset, index = limit
    return (
        f"(source_topic = {quoted(topic)} AND source_partition = {partition}"
        f" AND (source_offset < {offset} OR (source_offset = {offset} AND source_index < {index})))"
    )


@dataclass(frozen=True)
class Scope:
    """``reach``: rows the raw log and the sink's commits reach. ``cold``: those of them whose book or trades began before it
    (``0`` where nothing did). ``compared``: the rest."""

    reach: str
    cold: str

    @property
    def compared(self) -> str:
        """What can be compared."""
        return self.reach if self.cold == "0" else f"{self.reach} AND NOT ({self.cold})"


def scope_of(
    table: str, spans: Sequence[Span], limits: Sequence[Limit], *, books: Cold, trades: Cold
) -> Scope:
    """The scope of ``table`` for these spans, each up to its limit."""
    ranges = [
        f"({below(span.topic, span.partition, limit)} AND source_offset >= {span.first})"
        for span, limit in zip(spans, limits, strict=True)
        if limit > (span.first, 0)
    ]
    cold = "0"
    if table == "trades" and trades:
        offset = _offset(trades)
        cold = f"(source_offset < {offset} OR (source = 'backfill' AND {offset} > 0))"
    elif table == "gaps" and (books or trades):
        later = {place: max(books.get(place, 0), trades.get(place, 0)) for place in {**books, **trades}}
        cold = f"({_begins_later(later)} OR {_opened_before(spans)})"
    elif table in _OF_A_BOOK and books:
        cold = f"{_OF_A_BOOK[table]} AND {_begins_later(books)}"
    return Scope(f"({' OR '.join(ranges) or '0'})", cold)


def _begins_later(cold: Cold) -> str:
    return f"source_offset < {_offset(cold)}"


def _offset(cold: Cold) -> str:
    names = ", ".join(quoted(f"{topic}/{symbol}") for topic, symbol in cold)
    offsets = ", ".join(f"toUInt64({offset})" for offset in cold.values())
    return f"transform(concat(source_topic, '/', symbol), [{names}], [{offsets}], toUInt64(0))"


def _opened_before(spans: Sequence[Span]) -> str:
    """Gaps that are named by an event from before their span."""
    return " OR ".join(
        f"(source_topic = {quoted(span.topic)} AND source_partition = {span.partition}"
        f" AND gap < {quoted(event_id(span.topic, span.partition, span.first, 0))})"
        for span in spans
    )
