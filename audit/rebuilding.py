"""Makes the events of one span again, with the workers' code, and loads them into the scratch tables with the sink's."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter

from audit.frame_counters import FrameCounters
from audit.raw_log import read
from audit.spans import Span
from audit.warmth import Warmth
from bookmill.addresses import Addresses
from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas.catalogue import EVENT_TOPICS, Topic
from sinks.client import DataRefusedError, Store, connect
from sinks.container import WIRE_PREFIX, Container
from streams.emitter import Events, OutgoingEvent
from streams.partition import RawPartition
from venues.registry import venue

__all__ = ["Job", "Rebuilt", "columns", "rebuild"]

_ROWS = 50_000
_BYTES = 16 * 1024 * 1024
_INSERTS = 2
"""Inserts that may be on their way while the next rows are made."""

_ANSWER_TIMEOUT_S = 600
_key = attrgetter("key")


def columns(topic: Topic) -> tuple[str, ...]:
    """The columns of a topic's table that come from its events."""
    return tuple(field["name"] for field in topic.schema["fields"])


@dataclass(frozen=True)
class Job:
    """A span, and where its events go: scratch tables by topic name. It travels to another process."""

    settings: Settings
    addresses: Addresses
    span: Span
    tables: Mapping[str, str]


@dataclass
class Rebuilt:
    """What a span gave. ``frames`` by instrument; ``books`` and ``trades``: by symbol from which raw offset on they can be compared,
    empty where all can; ``refused``: events that ClickHouse takes from nobody; ``seconds``: how long it took."""

    span: Span
    frames: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    refused: int = 0
    books: dict[str, int] = field(default_factory=dict)
    trades: dict[str, int] = field(default_factory=dict)
    counters: FrameCounters = field(default_factory=lambda: FrameCounters(0, 0))
    seconds: float = 0.0


def rebuild(job: Job, progress: Callable[[int], None]) -> Rebuilt:
    """Read the span and load what it gives; ``progress`` is told how many records were read since it was told before."""
    span, settings = job.span, job.settings
    started_s = time.perf_counter()
    chosen = settings.exchanges[span.exchange][span.market]
    raw = RawPartition(
        venue(span.exchange, span.market, chosen=chosen),
        span.topic,
        span.partition,
        span.first,
        dict.fromkeys(EVENT_TOPICS, 0),  # the scratch tables are told the schema, not its id
        settings.worker.model_copy(update={"book_updates": False}),  # no table holds them
    )
    warmth = None if span.whole else Warmth(raw)
    found = Rebuilt(span, counters=FrameCounters(span.since_ms, span.until_ms))
    keys: Counter[bytes | None] = Counter()
    store = Store(
        connect(settings.clickhouse, job.addresses.clickhouse, answer_timeout_s=_ANSWER_TIMEOUT_S),
        job.addresses.clickhouse,
        settings.clickhouse.database,
    )
    with _Loader(store, job) as loader:
        for batch in read(client_config(settings.kafka, job.addresses.kafka), span):
            work = raw.process(batch.records)
            loader.add(work.events)
            found.dead_letters += len(work.dead_letters)
            found.counters.note(batch)
            keys.update(map(_key, batch.records))
            if warmth is not None:
                warmth.look(batch.last_ms)
            progress(len(batch.records))
    found.refused = loader.refused
    for key, count in keys.items():
        instrument = raw.instruments.get(key or b"")
        name = instrument.key.decode() if instrument else f"{span.exchange}.{span.market}.?"
        found.frames[name] += count
    if warmth is not None:
        found.books, found.trades = warmth.books(span.end), warmth.trades(span.end)
    found.seconds = time.perf_counter() - started_s
    return found


class _Loader:
    """Collects events by topic and inserts them, a few at a time, while more are made."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._source = f"{job.span.topic}|{job.span.partition}"
        self._targets = [
            _Target(topic, job.tables[topic.name]) for topic in EVENT_TOPICS if topic.name in job.tables
        ]
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="insert")
        self._inserts: deque[Future[int]] = deque()
        self.refused = 0

    def __enter__(self) -> _Loader:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for target in self._targets:
                    self._insert(target)
                self._await(0)
        finally:
            self._executor.shutdown(cancel_futures=True)

    def add(self, events: Events) -> None:
        """Take the events of a batch."""
        for target in self._targets:
            if outgoing := getattr(events, target.topic.name):
                target.add(outgoing)
                if len(target.datums) >= _ROWS or target.size >= _BYTES:
                    self._insert(target)

    def _insert(self, target: _Target) -> None:
        datums, number = target.take()
        if datums:
            self._await(_INSERTS - 1)
            token = f"{target.table}|{self._source}|{number}"
            self._inserts.append(self._executor.submit(self._store_rows, target, datums, token))

    def _await(self, most: int) -> None:
        while len(self._inserts) > most:
            self.refused += self._inserts.popleft().result()

    def _store_rows(self, target: _Target, datums: Sequence[bytes], token: str) -> int:
        """Rows that ClickHouse refuses are left out, as the sink leaves them out; returns how many."""
        try:
            self._store.insert(target.table, target.columns, target.container.pack(datums), token)
        except DataRefusedError:
            middle = len(datums) // 2
            if not middle:
                return 1
            return self._store_rows(target, datums[:middle], f"{token}.0") + self._store_rows(
                target, datums[middle:], f"{token}.1"
            )
        return 0


class _Target:
    def __init__(self, topic: Topic, table: str) -> None:
        self.topic = topic
        self.table = table
        self.columns = columns(topic)
        self.container = Container(topic.schema_text)
        self.datums: list[bytes] = []
        self.size = 0
        self._number = 0

    def add(self, outgoing: Sequence[OutgoingEvent]) -> None:
        datums = [value[WIRE_PREFIX:] for _, value, _ in outgoing]
        self.datums += datums
        self.size += sum(map(len, datums))

    def take(self) -> tuple[list[bytes], int]:
        datums, self.datums, self.size = self.datums, [], 0
        self._number += 1
        return datums, self._number
