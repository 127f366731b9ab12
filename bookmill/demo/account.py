"""A run's figures, counted where the data is: Kafka's offsets and ClickHouse's rows, from where the run began.

Data of earlier runs may lie in the same topics and tables, some of it still on its way. Frames are told apart by offset;
events and rows by the raw record they name. So the figures of a run agree: each event of its frames is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bookmill.addresses import Addresses
from bookmill.demo.events import count_distinct
from bookmill.demo.offsets import Offsets, OffsetsReader, behind, unprocessed
from bookmill.demo.tables import TableCounts, condition
from bookmill.settings import Settings

__all__ = ["Account", "Figures"]

_OF_NO_FRAME = ("instruments", "consolidated", "alerts")
"""Tables whose rows come of no raw record, and belong to no run."""


@dataclass(frozen=True)
class Figures:
    """By topic or table: records in the raw topics, distinct events, records that repeat an event, rows, rows of all runs."""

    records: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    rows_total: dict[str, int] = field(default_factory=dict)
    dead_letters: int = 0


class Account:
    """Opened before the first frame of a run is written, closed when all is drained.

    ``raw`` are raw topic names without prefix. Every method raises :class:`UnavailableError` when a server does not answer.
    """

    def __init__(self, settings: Settings, addresses: Addresses, raw: Sequence[str]) -> None:
        prefix = settings.kafka.topic_prefix
        self._settings = settings
        self._addresses = addresses
        self._tables = [name for name in settings.sink.topics if name not in _OF_NO_FRAME]
        self._raw = [prefix + name for name in raw]
        self._events = [prefix + name for name in self._tables]
        self._dead_letters = [f"{name}.dlq" for name in (*self._raw, *self._events)]
        self._worker = prefix + settings.worker.group
        self._sink = prefix + settings.sink.group
        self._offsets = OffsetsReader(settings.kafka, addresses.kafka)
        self._clickhouse = TableCounts(settings.clickhouse, addresses.clickhouse)
        self._began = self._offsets.ends([*self._raw, *self._events, *self._dead_letters])
        self._starts = self._offsets.starts([*self._raw, *self._events])
        committed = self._offsets.committed(self._worker, self._raw)
        self._behind_at_first = behind(self._of(self._began, self._raw), committed, self._starts)

    def records(self) -> dict[str, int]:
        """Records written to each raw topic since the beginning."""
        return self._written(self._raw)

    def unprocessed(self) -> int:
        """Raw records whose events are not all in Kafka yet."""
        return unprocessed(
            self._offsets.ends(self._raw), self._offsets.committed(self._worker, self._raw), self._starts
        )

    def unstored(self) -> int:
        """Event records that are not certain to be in ClickHouse yet."""
        return behind(
            self._offsets.ends(self._events), self._offsets.committed(self._sink, self._events), self._starts
        )

    def figures(self, *, worker_restarted: bool) -> Figures:
        """All figures of this run. Where a worker was killed, now or before, events are read again to count them once each."""
        ends = self._offsets.ends(self._events)
        recount = worker_restarted or self._behind_at_first > 0
        written = self._written(self._events, ends)
        events = dict(written)
        if recount:
            for topic in self._events:
                events[topic] = count_distinct(
                    self._settings.kafka,
                    self._addresses.kafka,
                    self._began,
                    self._of(ends, [topic]),
                    self._of(self._began, self._raw),
                )
        where = condition(self._of(self._began, self._raw), self._raw)
        return Figures(
            records=self.records(),
            events={table: events[topic] for table, topic in zip(self._tables, self._events)},
            repeated=sum(written.values()) - sum(events.values()),
            rows={table: self._clickhouse.rows(table, where) for table in self._tables},
            rows_total={table: self._clickhouse.rows(table) for table in self._tables},
            dead_letters=sum(self._written(self._dead_letters).values()),
        )

    def close(self) -> None:
        """Disconnect from Kafka."""
        self._offsets.close()

    def _written(self, topics: Sequence[str], ends: Offsets | None = None) -> dict[str, int]:
        ends = self._offsets.ends(topics) if ends is None else ends
        written = dict.fromkeys(topics, 0)
        for key, end in ends.items():
            written[key[0]] += end - self._began.get(key, 0)
        return written

    @staticmethod
    def _of(offsets: Offsets, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        return {key: offset for key, offset in offsets.items() if key[0] in topics}
