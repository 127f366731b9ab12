"""One batch into ClickHouse: sort it out, join it, insert it under its token, send what cannot be stored to the dead letters.

Knows nothing of consumer groups and offsets. Doing the same batch again does no harm at any point: the token makes the
second insert nothing, and a dead letter may be there twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Message

from bookmill.errors import BookmillError, FrameError, UnavailableError
from schemas.catalogue import Topic
from sinks.batch import Batch, Rows, sort_out
from sinks.client import DataRefusedError
from sinks.progress import Marks
from sinks.writer_schemas import WriterSchema

__all__ = ["Failed", "Outcome", "Refused", "Stored", "Writer"]


@dataclass(frozen=True)
class Stored:
    """All of the batch is dealt with; its event ids reached ``marks``."""

    marks: Marks
    rows: int
    size: int
    duplicates: int
    dead_letters: int
    insert_s: float


@dataclass(frozen=True)
class Refused:
    """ClickHouse cannot store some record of it. Try up to offset ``middle`` first: about half of the rows."""

    middle: int
    reason: str


@dataclass(frozen=True)
class Failed:
    """``side`` (clickhouse, registry or dead letters) does not do its part now; the same batch again, later.

    ``reason`` is not the error itself: that holds the functions it came through with all they have in hand, one of which holds this.
    """

    side: str
    reason: str


Outcome = Stored | Refused | Failed


class _Store(Protocol):
    def insert(self, table: str, columns: tuple[str, ...], container: bytes, token: str) -> None: ...


class _Schemas(Protocol):
    def get(self, topic: Topic, schema_id: int) -> WriterSchema: ...


class _DeadLetters(Protocol):
    def write(self, letters: Sequence[tuple[Message, BookmillError]]) -> None: ...


class Writer:
    """Writes batches of the topics it is made with: catalogue entry and incarnation by full topic name."""

    def __init__(
        self,
        topics: Mapping[str, tuple[Topic, str]],
        *,
        store: _Store,
        schemas: _Schemas,
        dead_letters: _DeadLetters,
    ) -> None:
        self._topics = topics
        self._store = store
        self._schemas = schemas
        self._dead_letters = dead_letters

    def write(self, batch: Batch) -> Outcome:
        """Deal with ``batch``. Raises :class:`RefusedError` when nothing can be stored until somebody changes something."""
        topic, incarnation = self._topics[batch.topic]
        rows = sort_out(batch, event_ids=topic.event_ids)
        size, insert_s = 0, 0.0
        dead: list[tuple[Message, BookmillError]] = [
            (message, FrameError(reason)) for message, reason in rows.unreadable
        ]
        side = "registry"
        try:
            if rows.datums:
                schema = self._schemas.get(topic, rows.schema_id)
                container = schema.container.pack(rows.datums)
                side = "clickhouse"
                started_s = time.perf_counter()
                self._store.insert(
                    topic.name, schema.columns, container, batch.token(topic.name, incarnation)
                )
                size, insert_s = len(container), time.perf_counter() - started_s
        except UnavailableError as error:
            return _failed(side, error, rows)
        except (FrameError, DataRefusedError) as error:
            # A schema concerns all rows alike; what ClickHouse refuses is in one of them.
            if isinstance(error, DataRefusedError) and len(rows.messages) > 1:
                return Refused(_middle(rows), str(error))
            dead += [(message, error) for message in rows.messages]
            rows.messages = []
        try:
            if dead:
                self._dead_letters.write(dead)
        except UnavailableError as error:
            return _failed("dead letters", error, rows)
        return Stored(rows.marks, len(rows.messages), size, rows.duplicates, len(dead), insert_s)


def _failed(side: str, error: UnavailableError, rows: Rows) -> Failed:
    """A library may keep its error all the same, in a circle: until that is found it would hold a copy of the rows for each attempt."""
    rows.messages.clear()
    rows.datums.clear()
    return Failed(side, str(error))


def _middle(rows: Rows) -> int:
    return rows.messages[len(rows.messages) // 2 - 1].offset() or 0
