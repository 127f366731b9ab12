"""A batch: a range of offsets of one partition whose records carry one schema id, and what is to be stored of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from confluent_kafka import Message

from schemas.event_id import HEADER, event_id, is_new
from sinks.container import WIRE_PREFIX
from sinks.progress import Marks, well_formed

__all__ = ["Batch", "Rows", "cut", "sort_out"]

_Identify = Callable[[Message], bytes | None]


@dataclass(frozen=True)
class Batch:
    """The records from ``first`` to ``last`` (offsets, both included) of a partition; ``marks`` as they were before."""

    topic: str
    partition: int
    first: int
    last: int
    messages: Sequence[Message]
    marks: Marks

    def token(self, table: str, incarnation: str) -> str:
        """What ClickHouse knows the insert by. ``incarnation`` tells a topic from one of the same name before it."""
        return f"{table}|{self.topic}|{self.partition}|{self.first}-{self.last}|{incarnation}"


@dataclass
class Rows:
    """A batch sorted out. ``schema_id`` means something where there are ``datums``. ``messages`` and ``datums`` go together: the records that are new, in order."""

    schema_id: int = 0
    messages: list[Message] = field(default_factory=list)
    datums: list[bytes] = field(default_factory=list)
    marks: Marks = field(default_factory=dict)
    duplicates: int = 0
    unreadable: list[tuple[Message, str]] = field(default_factory=list)


def cut(messages: Sequence[Message], *, rows: int, size: int) -> int:
    """How many of ``messages``, from the first on, make one batch: at most ``rows``, about ``size`` bytes, one schema id."""
    prefix = b""
    total = 0
    for number, message in enumerate(islice(messages, rows)):
        value = message.value() or b""
        if not (prefix and value.startswith(prefix)) and len(value) > WIRE_PREFIX and value[0] == 0:
            if prefix:
                return number
            prefix = value[:WIRE_PREFIX]
        total += len(value)
        if total >= size:
            return number + 1
    return min(rows, len(messages))


def sort_out(batch: Batch, *, event_ids: bool = True) -> Rows:
    """What of a batch is to be stored: not what was stored before (a restarted worker writes events again, with the same
    ids), and not what is no event at all. Without ``event_ids`` nothing is written twice: every record is new."""
    if not event_ids:
        rows = _sort_out(batch, _position)
        rows.marks = (
            batch.marks
        )  # of a topic that is made anew offsets begin anew: a mark would make them look old
        return rows
    rows = _sort_out(batch, _identity)
    # One id that is none could stand above all that are, and make them look old. It is looked for only where it shows.
    if not all(map(well_formed, rows.marks.values())):
        rows = _sort_out(batch, _checked_identity)
    return rows


def _sort_out(batch: Batch, identity_of: _Identify) -> Rows:
    rows = Rows(marks=dict(batch.marks))
    prefix = b"\x00"
    for message in batch.messages:
        value = message.value() or b""
        identity = identity_of(message)
        if not value.startswith(prefix) or len(value) <= WIRE_PREFIX:
            rows.unreadable.append(
                (message, "The value is not in the Avro wire format: zero byte, schema id, datum.")
            )
        elif identity is None:
            rows.unreadable.append((message, f"The record has no header {HEADER} with an event id."))
        elif is_new(identity, rows.marks):
            rows.messages.append(message)
            rows.datums.append(value[WIRE_PREFIX:])
            prefix = value[:WIRE_PREFIX]
        else:
            rows.duplicates += 1
    rows.schema_id = int.from_bytes(prefix[1:], "big")
    return rows


def _identity(message: Message) -> bytes | None:
    headers: Any = message.headers()  # pairs, always, of a record that was read
    for name, value in headers or ():
        if name == HEADER and isinstance(value, bytes):
            return value
    return None


def _position(message: Message) -> bytes:
    return event_id(message.topic() or "", message.partition() or 0, message.offset() or 0, 0).encode()


def _checked_identity(message: Message) -> bytes | None:
    identity = _identity(message)
    return identity if identity is not None and well_formed(identity) else None
