"""The feed: what it reads reaches the live state once and in order, whatever Kafka and the registry do meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from bookmill.errors import FrameError, UnavailableError
from bookmill.kafka_watch import KafkaWatch
from gateway import feed as feed_module
from gateway.arrival import Arrivals
from gateway.feed import Feed
from gateway.live import LiveState
from gateway.reading import Look
from schemas.catalogue import INSTRUMENTS, TRADES, Topic
from schemas.event_id import event_id
from tests.unit.gateway.material import listing, trade

LOOKS = (Look(TRADES, 120), Look(INSTRUMENTS, None))
TOPICS = {f"x.{look.topic.name}": look.topic for look in LOOKS}


class Record:
    """A consumed message. ``event``: what the decoder makes of it."""

    def __init__(
        self,
        topic: str,
        offset: int,
        event: Any,
        *,
        identity: str | None = None,
        partition: int = 0,
        failure: KafkaError | None = None,
    ) -> None:
        self._topic, self._offset, self._partition = topic, offset, partition
        self._identity, self._failure = identity, failure
        self.content = event

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"binance.spot.BTC-USDT"

    def headers(self) -> list[tuple[str, bytes]] | None:
        return [("event_id", self._identity.encode())] if self._identity else None

    def value(self) -> Any:
        return self.content

    def error(self) -> KafkaError | None:
        return self._failure


def a_trade(offset: int, raw: int | None = None, *, partition: int = 0) -> Record:
    raw = offset if raw is None else raw
    return Record(
        "x.trades",
        offset,
        trade(raw),
        identity=event_id("raw.binance.spot", 3, raw, 0),
        partition=partition,
    )


class Reading:
    """A decoder: values are events already; an exception is raised as often as it stands in ``fails``."""

    def __init__(self) -> None:
        self.fails: list[Exception] = []

    def decode(self, _: Topic, value: Any) -> Any:
        if self.fails:
            raise self.fails.pop()
        if isinstance(value, Exception):
            raise value
        return dict(value)


class Cluster:
    """A consumer over records given beforehand."""

    def __init__(self, records: Sequence[Record], partitions: int = 2) -> None:
        self.left = deque(records)
        self.ends = {(each.topic(), each.partition()): each.offset() + 1 for each in records}
        self.partitions = partitions
        self.away = 0
        self.assigned: list[tuple[str, int, int]] = []
        self.asked_ms: list[int] = []
        self.empty = threading.Event()
        self.closed = False
        self.read_before_assignment = False

    def list_topics(self, name: str = "", **_: Any) -> Any:
        if self.away:
            self.away -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        described = type(
            "Described", (), {"error": None, "partitions": dict.fromkeys(range(self.partitions))}
        )
        return type("Metadata", (), {"topics": {name: described}})

    def get_watermark_offsets(self, place: TopicPartition, **_: Any) -> tuple[int, int]:
        return 0, self.ends.get((place.topic, place.partition), 0)

    def offsets_for_times(self, places: list[TopicPartition], **_: Any) -> list[TopicPartition]:
        self.asked_ms += [place.offset for place in places]
        return [TopicPartition(place.topic, place.partition, 0) for place in places]

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.assigned += [(place.topic, place.partition, place.offset) for place in places]

    def consume(self, count: int, timeout: float) -> list[Record]:
        self.read_before_assignment |= not self.assigned
        taken = [self.left.popleft() for _ in range(min(count, len(self.left)))]
        if not taken:
            self.empty.set()
            threading.Event().wait(min(timeout, 0.01))
        return taken

    def close(self) -> None:
        self.closed = True


class Stage:
    """A feed over a cluster, run until ``done`` says so."""

    def __init__(self, records: Sequence[Record], **cluster: Any) -> None:
        self.cluster = Cluster(records, **cluster)
        self.reading = Reading()
        self.live = LiveState(recent_trades=10_000)
        self.failures: list[BaseException] = []
        self.arrivals = Arrivals(TOPICS, self.reading)  # type: ignore[arg-type]
        self.feed = Feed(
            lambda: self.cluster,  # type: ignore[arg-type, return-value]
            LOOKS,
            self.arrivals,
            self.live,
            prefix="x.",
            watch=KafkaWatch(),
            failed=self.failures.append,
        )

    def run(self, done: Callable[[], bool]) -> None:
        async def play() -> None:
            async with asyncio.timeout(20), self.feed:
                while not done():
                    await asyncio.sleep(0.005)

        asyncio.run(play())
        assert self.cluster.closed

    @property
    def offsets(self) -> list[int]:
        kept = self.live.instruments.get("binance.spot.BTC-USDT")
        return [each["source_offset"] for each in kept.trades] if kept else []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_BACKOFF_S", (0.001, 0.002))
    monkeypatch.setattr(feed_module, "_LOOK_S", 0.01)
    monkeypatch.setattr(feed_module, "_IDLE_S", 0.01)


def test_everything_is_taken_once_and_in_order() -> None:
    stage = Stage([*map(a_trade, range(1000)), Record("x.instruments", 0, listing())])
    stage.run(lambda: stage.feed.caught_up and len(stage.offsets) == 1000 and bool(stage.live.listings))
    assert stage.offsets == list(range(1000))
    assert stage.failures == []
    assert stage.feed.lag == 0
    assert stage.feed.counters() == {"duplicates": 0, "unreadable": 0, "read_errors": 0}
    assert not stage.cluster.read_before_assignment


def test_compacted_topics_are_read_whole_and_others_from_a_while_ago() -> None:
    stage = Stage([a_trade(0)])
    stage.run(lambda: stage.feed.caught_up)
    assert sorted({name for name, _, _ in stage.cluster.assigned}) == ["x.instruments", "x.trades"]
    assert len(stage.cluster.asked_ms) == 2  # of the partitions of trades
    assert stage.feed.partitions == 4


def test_events_written_again_are_dropped() -> None:
    stage = Stage([a_trade(0, 5), a_trade(1, 6), a_trade(2, 5), a_trade(3, 6), a_trade(4, 7)])
    stage.run(lambda: 7 in stage.offsets)
    assert stage.offsets == [5, 6, 7]
    assert stage.feed.counters()["duplicates"] == 2


def test_a_topic_that_was_made_anew_begins_anew() -> None:
    stage = Stage([a_trade(10, 90), a_trade(11, 91), a_trade(0, 1), a_trade(1, 2)])
    stage.run(lambda: 2 in stage.offsets)
    assert stage.offsets == [90, 91, 1, 2]


def test_what_cannot_be_read_is_counted_and_passed_over() -> None:
    broken = Record("x.trades", 1, FrameError("no event"), identity=event_id("raw.binance.spot", 3, 1, 0))
    stage = Stage([a_trade(0), broken, a_trade(2)])
    stage.run(lambda: 2 in stage.offsets)
    assert stage.offsets == [0, 2]
    assert stage.feed.counters()["unreadable"] == 1


def test_a_registry_that_is_away_is_waited_for() -> None:
    stage = Stage([a_trade(0), a_trade(1)])
    stage.reading.fails = [UnavailableError("away"), UnavailableError("away")]
    stage.run(lambda: 1 in stage.offsets)
    assert stage.offsets == [0, 1]
    assert stage.feed.registry_problem == ""


def test_kafka_that_is_away_at_the_start_is_waited_for() -> None:
    stage = Stage([a_trade(0)], partitions=1)
    stage.cluster.away = 3
    stage.run(lambda: 0 in stage.offsets)
    assert stage.feed.watch.problem == ""


def test_a_feed_whose_kafka_client_is_lost_tells_the_gateway_to_end() -> None:
    stage = Stage([a_trade(0)])
    for _ in range(2):
        stage.feed.watch.config["stats_cb"]('{"brokers": {":0/internal": {"source": "internal"}}}')
    stage.run(lambda: bool(stage.failures))
    assert isinstance(stage.failures[0], UnavailableError)


def test_errors_of_kafka_are_counted() -> None:
    failed = Record("x.trades", 0, None, failure=KafkaError(KafkaError._ALL_BROKERS_DOWN))
    end = Record("x.trades", 0, None, failure=KafkaError(KafkaError._PARTITION_EOF))
    stage = Stage([failed, end, a_trade(0)])
    stage.run(lambda: 0 in stage.offsets)
    assert stage.feed.counters()["read_errors"] == 1


def test_new_partitions_are_read_from_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_NEW_PARTITIONS_S", 0.01)
    stage = Stage([a_trade(0)], partitions=1)

    def grown() -> bool:
        stage.cluster.partitions = 2
        return stage.feed.partitions == 4

    stage.run(grown)
    assert ("x.trades", 1, 0) in stage.cluster.assigned


def test_what_is_gone_from_a_compacted_topic_is_forgotten() -> None:
    stage = Stage([Record("x.instruments", 0, listing()), Record("x.instruments", 1, None), a_trade(0)])
    stage.run(lambda: 0 in stage.offsets)
    assert stage.live.listings == {}


def test_reading_waits_for_a_loop_that_takes_nothing() -> None:
    stage = Stage([*map(a_trade, range(12_000))])

    async def play() -> None:
        async with stage.feed:
            # The loop is held: nothing is taken, and what may wait is bounded.
            for _ in range(20):
                threading.Event().wait(0.01)
            waiting = {each.name: each for each in stage.feed.buffers()}["events for the loop"]
            assert 0 < waiting.used <= waiting.limit
            assert len(stage.cluster.left) >= 12_000 - waiting.limit - 2 * 50
            while len(stage.offsets) < 10_000 or stage.offsets[-1] < 11_999:
                await asyncio.sleep(0.005)

    asyncio.run(play())
    assert stage.offsets == list(range(2000, 12_000))


def test_a_fault_of_ours_is_told_and_not_passed_over() -> None:
    stage = Stage([a_trade(0)])

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    stage.live.observers.append(fails)
    stage.run(lambda: bool(stage.failures))
    assert isinstance(stage.failures[0], ZeroDivisionError)
    stage = Stage([a_trade(0)])
    stage.reading.fails = [ZeroDivisionError()]
    stage.run(lambda: bool(stage.failures))
    assert isinstance(stage.failures[0], ZeroDivisionError)
