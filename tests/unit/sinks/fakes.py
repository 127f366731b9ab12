"""Kafka, registry and ClickHouse as far as a sink uses them, in memory, and able to break between any two steps."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from decimal import Decimal
from threading import Event
from typing import Any, ParamSpec, TypeVar

import fastavro
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from bookmill.errors import BookmillError, FrameError, UnavailableError
from bookmill.kafka_watch import KafkaWatch
from bookmill.settings import SinkSettings
from schemas.catalogue import TRADES, Topic
from schemas.event_id import HEADER, event_id
from sinks.client import DataRefusedError
from sinks.loader import Loader, OnCommit
from sinks.writer import Writer
from sinks.writer_schemas import WriterSchema

P = ParamSpec("P")
R = TypeVar("R")

SCHEMA_ID = 7
TOPIC = "p.trades"
RAW = "raw.binance.spot"
_PARSED = fastavro.parse_schema(TRADES.schema)


def trade(trade_id: str, offset: int = 0, partition: int = 0, **more: Any) -> dict[str, Any]:
    now = datetime(2024, 8, 8, 23, 54, 14, 123456, tzinfo=UTC)
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "source": "ws",
        "trade_id": trade_id,
        "price": Decimal("61602.01"),
        "quantity": Decimal("0.000000000000000001"),
        "contracts": None,
        "side": "BUY",
        "aggregated": False,
        "exchange_time": now,
        "receive_time": now,
        "source_topic": RAW,
        "source_partition": partition,
        "source_offset": offset,
        "source_index": 0,
        **more,
    }


def wire(event: dict[str, Any], schema_id: int = SCHEMA_ID, schema: Any = _PARSED) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, event)
    return b"\x00" + schema_id.to_bytes(4, "big") + out.getvalue()


class CrashError(Exception):
    """The process is gone at this moment."""


class Steps:
    """Counts what touches the outside; crashes before or after the chosen step (None: never)."""

    def __init__(self, crash_at: int | None = None, *, after: bool = False) -> None:
        self.count = 0
        self._crash_at = crash_at
        self._after = after

    def take(self, step: Callable[[], R]) -> R:
        self.count += 1
        if self.count == self._crash_at and not self._after:
            raise CrashError
        result = step()
        if self.count == self._crash_at:
            raise CrashError
        return result


class Broker:
    """Logs of records and the group's committed offsets."""

    def __init__(self, topics: Sequence[str] = (TOPIC,), partitions: int = 1) -> None:
        self.logs: dict[tuple[str, int], list[Message]] = {
            (t, p): [] for t in topics for p in range(partitions)
        }
        self.committed: dict[tuple[str, int], tuple[int, str]] = {}
        self.dead: list[tuple[Message, BookmillError]] = []
        self.low = 0

    def append(
        self,
        value: bytes | None,
        identity: bytes | None,
        partition: int = 0,
        topic: str = TOPIC,
    ) -> None:
        log = self.logs[topic, partition]
        headers = [] if identity is None else [(HEADER, identity)]
        log.append(
            Message(topic=topic, partition=partition, offset=len(log), value=value, key=b"k", headers=headers)
        )

    def append_trades(self, numbers: Sequence[int], partition: int = 0) -> None:
        for number in numbers:
            identity = event_id(RAW, partition, number, 0).encode()
            self.append(wire(trade(f"{partition}-{number}", number, partition)), identity, partition)


class FakeConsumer:
    """The calls of :class:`confluent_kafka.Consumer` that a loader makes."""

    def __init__(
        self, broker: Broker, steps: Steps, on_commit: OnCommit, wait: Callable[[float], None]
    ) -> None:
        self.broker = broker
        self.away = False
        """Whether nobody answers; then time passes where something is waited for."""
        self._wait = wait
        self.answers: list[tuple[KafkaError | None, list[TopicPartition]]] = []
        self._on_commit = on_commit
        self.steps = steps
        self.position: dict[tuple[str, int], int] = {}
        self.paused: set[tuple[str, int]] = set()
        self.commit_error: int | None = None
        self.commits = 0
        self.most = 10_000  # records a call
        self._joined = False

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.topics = topics
        self.callbacks = callbacks

    def consume(self, count: int, timeout: float = 0) -> list[Message]:
        if self.away:
            self._wait(timeout)
            return []
        if not self._joined:
            self._joined = True
            self.callbacks["on_assign"](self, [TopicPartition(*key) for key in self.broker.logs])
        while self.answers:
            self._on_commit(*self.answers.pop(0))
        count = min(count, self.most)
        found: list[Message] = []
        for key, position in self.position.items():
            if key not in self.paused:
                part = self.broker.logs[key][position : position + count - len(found)]
                self.position[key] = position + len(part)
                found += part
        return found

    def list_topics(self, *, timeout: float) -> None:
        if self.away:
            self._wait(timeout)
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:  # noqa: ARG002  the signature is the library's
        return [
            TopicPartition(each.topic, each.partition, *self.broker.committed.get(_key(each), (-1001, "")))
            for each in partitions
        ]

    def get_watermark_offsets(
        self,
        partition: TopicPartition,
        timeout: float = 0,  # noqa: ARG002  the signature is the library's
        *,
        cached: bool = False,  # noqa: ARG002  same
    ) -> tuple[int, int]:
        return self.broker.low, len(self.broker.logs[_key(partition)])

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self.position[_key(each)] = each.offset

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        if self.away:
            assert asynchronous, "it would wait as long as Kafka is away"
            return
        error = None if self.commit_error is None else KafkaError(self.commit_error)
        if error is None:
            self.commits += 1
            self.steps.take(lambda: self._store(offsets))
        if asynchronous:
            self.answers.append((error, offsets))
        elif error is not None:
            raise KafkaException(error)

    def _store(self, offsets: list[TopicPartition]) -> None:
        for each in offsets:
            assert each.metadata is not None
            self.broker.committed[_key(each)] = (each.offset, each.metadata)

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= set(map(_key, partitions))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= set(map(_key, partitions))

    def close(self) -> None:
        self.revoke(list(self.position))

    def revoke(self, keys: list[tuple[str, int]]) -> None:
        self.callbacks["on_revoke"](self, [TopicPartition(*key) for key in keys])
        for key in keys:
            del self.position[key]

    def lose(self, keys: list[tuple[str, int]]) -> None:
        self.callbacks["on_lost"](self, [TopicPartition(*key) for key in keys])
        for key in keys:
            del self.position[key]


class FakeStore:
    """Tables, tokens, and rows that are refused. Holds to what ClickHouse does: a batch goes in whole or not at all."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.tokens: dict[str, list[Any]] = {}
        self.bad: set[str] = set()
        self.error: BookmillError | None = None
        self.attempts = 0

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> None:
        self.attempts += 1
        if self.error is not None:
            raise self.error
        rows: list[Any] = list(fastavro.reader(io.BytesIO(container)))
        assert set(columns) == set(rows[0])
        if any(row["trade_id"] in self.bad for row in rows):
            raise DataRefusedError("a row is bad")
        if token in self.tokens:
            assert self.tokens[token] == rows, "a token was used again for other rows"
            return
        self.tokens[token] = rows
        self.rows[table] += rows

    def ids(self, table: str = "trades") -> list[str]:
        return [row["trade_id"] for row in self.rows[table]]


class FakeSchemas:
    """The registry."""

    def __init__(self) -> None:
        self.error: BookmillError | None = None
        self.known = {SCHEMA_ID: TRADES.schema_text}

    def get(self, topic: Topic, schema_id: int) -> WriterSchema:
        if self.error is not None:
            raise self.error
        if schema_id not in self.known:
            raise FrameError(f"The schema registry knows no schema {schema_id}.")
        return WriterSchema(self.known[schema_id], tuple(field["name"] for field in topic.schema["fields"]))


class Inline(Executor):
    """Runs at once, in the same thread; ``hold`` leaves it for later."""

    def __init__(self) -> None:
        self.hold = False
        self.held: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  an executor hands on whatever it is
                future.set_exception(error)

        if self.hold:
            self.held.append(run)
        else:
            run()
        return future


class World:
    """A sink among fakes. ``restarted`` is the next process over the same broker and tables."""

    def __init__(
        self,
        broker: Broker | None = None,
        store: FakeStore | None = None,
        steps: Steps | None = None,
        **settings: Any,
    ) -> None:
        self.broker = broker or Broker()
        self.store = store or FakeStore()
        self.steps = steps or Steps()
        self.settings = settings
        self.now_s = 1000.0
        self.schemas = FakeSchemas()
        self.executor = Inline()
        consumers: list[FakeConsumer] = []

        def consumer_of(on_commit: OnCommit) -> Any:
            consumers.append(FakeConsumer(self.broker, self.steps, on_commit, self._wait))
            return consumers[0]

        self.dead_letters_error: UnavailableError | None = None
        self.stopping = Event()
        self.watch = KafkaWatch(lambda: self.now_s)
        topics = sorted({topic for topic, _ in self.broker.logs})
        self.loader = Loader(
            consumer_of,
            Writer(
                dict.fromkeys(topics, (TRADES, "incarnation")),
                store=self,
                schemas=self.schemas,
                dead_letters=self,
            ),
            topics,
            SinkSettings(**{"batch_rows": 4, "batch_ms": 1000, **settings}),
            executor=self.executor,
            stopping=self.stopping,
            watch=self.watch,
            clock=lambda: self.now_s,
        )
        self.consumer = consumers[0]

    def _wait(self, seconds: float) -> None:
        self.now_s += seconds

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> None:
        self.steps.take(lambda: self.store.insert(table, columns, container, token))

    def write(self, letters: Sequence[tuple[Message, BookmillError]]) -> None:
        if self.dead_letters_error is not None:
            raise self.dead_letters_error
        self.steps.take(lambda: self.broker.dead.extend(letters))

    def restarted(self, steps: Steps | None = None, **settings: Any) -> World:
        return World(self.broker, self.store, steps, **(settings or self.settings))

    def start(self) -> World:
        self.loader._consumer.subscribe(  # the first half of run()
            self.loader._topics,
            on_assign=self.loader._assigned,
            on_revoke=self.loader._revoked,
            on_lost=self.loader._lost,
        )
        return self

    def turns(self, count: int = 1, *, seconds: float = 0.0) -> None:
        for _ in range(count):
            self.now_s += seconds
            self.loader.turn(wait_s=0)

    def settle(self, turns: int = 60) -> None:
        """Enough turns, with enough time between them, for everything to be stored."""
        self.turns(turns, seconds=2.0)

    def dead_ids(self) -> list[int]:
        return [message.offset() or 0 for message, _ in self.broker.dead]


def _key(partition: TopicPartition) -> tuple[str, int]:
    return partition.topic, partition.partition
