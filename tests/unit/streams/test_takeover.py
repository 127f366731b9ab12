"""Checkpoints of many partitions are read by one consumer, for one assignment: what a later one makes stale is not used."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition
from faust.types import TP

from bookmill.errors import UnavailableError
from bookmill.settings import WorkerSettings
from streams import takeover
from streams.checkpoints import Checkpoint, pack
from streams.partition import RawPartition
from streams.takeover import Found, Takeover, read_checkpoints
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, depth, snapshot
from venues.binance import BinanceSpot

BOOKS = "checkpoints.books"
OTHER = "raw.binance.other"


@dataclass
class Message:
    at: TP
    number: int
    name: bytes
    content: bytes | None
    problem: KafkaError | None = None

    def topic(self) -> str:
        return self.at.topic

    def partition(self) -> int:
        return self.at.partition

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes:
        return self.name

    def value(self) -> bytes | None:
        return self.content

    def error(self) -> KafkaError | None:
        return self.problem


@dataclass
class Kafka:
    """Partitions of checkpoints (first offset, end, what compaction has left), and where raw partitions end."""

    logs: dict[int, tuple[int, int, list[Message]]] = field(default_factory=dict)
    raw_end: int = 1000
    failing: bool = False
    leaderless: int = 0
    """Questions that a broker without its partitions still answers with an error."""
    batch: int = 2
    opened: list[FakeConsumer] = field(default_factory=list)

    def log(self, partition: int, *values: tuple[bytes, bytes | None], first: int = 0, end: int = 0) -> None:
        records = [Message(TP(BOOKS, partition), first + at, *each) for at, each in enumerate(values)]
        self.logs[partition] = (first, end or first + len(values), records)

    def consumer(self, _config: dict[str, Any]) -> FakeConsumer:
        self.opened.append(FakeConsumer(self))
        return self.opened[-1]


class FakeConsumer:
    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.closed = False
        self.at: dict[int, int] = {}
        self.done: dict[int, int] = {}

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        self.kafka.leaderless -= 1
        if self.kafka.leaderless >= 0:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_LEADER_EPOCH))
        answers = []
        for each in asked:
            if each.topic == BOOKS:
                first, end, _ = self.kafka.logs[each.partition]
            else:
                first, end = 0, self.kafka.raw_end
            found = {OFFSET_BEGINNING: first, OFFSET_END: end}[each.offset]
            answers.append(TopicPartition(each.topic, each.partition, found))
        return answers

    def assign(self, places: list[TopicPartition]) -> None:
        self.at = {place.partition: place.offset for place in places}

    def consume(self, most: int, timeout: float) -> list[Message]:
        assert timeout > 0
        if self.kafka.failing:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        found: list[Message] = []
        for partition, at in self.at.items():
            left = [each for each in self.kafka.logs[partition][2] if each.number >= at]
            found += left[: min(self.kafka.batch, most - len(found))]
        for each in found:
            self.at[each.at.partition] = each.number + 1
        if not found:  # what compaction has taken away is passed over in the end
            self.done = {partition: self.kafka.logs[partition][1] for partition in self.at}
        return found

    def position(self, places: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(each.topic, each.partition, self.done.get(each.partition, -1001))
            for each in places
        ]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    broker = Kafka()
    monkeypatch.setattr(takeover, "Consumer", broker.consumer)
    return broker


def checkpoint(position: int, topic: str = TOPIC, symbol: str = "BTC-USDT") -> bytes:
    """Of a book that is live since ``position`` - 1."""
    raw = RawPartition(BinanceSpot(), topic, 0, position - 2, SCHEMA_IDS, WorkerSettings())
    raw.incarnation = "now"
    raw.process(
        [
            depth(position - 2, 1, 2, symbol=symbol),
            snapshot(position - 1, 1, [["100", "1"]], [["101", "1"]], symbol=symbol),
        ]
    )
    [instrument] = raw.instruments.values()
    return pack(raw, instrument)


def raws(*places: tuple[str, int]) -> dict[TP, str]:
    return {TP(*place): "now" for place in places}


def positions(checkpoints: list[Checkpoint] | None) -> dict[str, int]:
    assert checkpoints is not None
    return {one.symbol: one.position for one in checkpoints}


def test_all_partitions_are_read_by_one_consumer(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", checkpoint(10)), (b"btc", checkpoint(20)), (b"other", checkpoint(30, OTHER)))
    kafka.log(1, (b"eth", checkpoint(40, symbol="ETH-USDT")), first=70)
    kafka.log(2)
    kafka.log(3, (b"btc", checkpoint(50)))
    found = read_checkpoints({}, BOOKS, raws((TOPIC, 0), (OTHER, 0), (TOPIC, 1), (TOPIC, 2)))
    assert [consumer.closed for consumer in kafka.opened] == [True]
    assert positions(found.pop(TP(TOPIC, 0))) == {"BTC-USDT": 20}
    assert positions(found.pop(TP(OTHER, 0))) == {"BTC-USDT": 30}
    assert positions(found.pop(TP(TOPIC, 1))) == {"ETH-USDT": 40}
    assert (found.pop(TP(TOPIC, 2)), found.newest, found.refused) == ([], {}, set())


def test_what_others_go_on_writing_is_left_alone(kafka: Kafka) -> None:
    """Another market's worker may write into the same partition, and the raw log goes on behind what is known of it."""
    kafka.log(0, (b"btc", checkpoint(10)), (b"btc", checkpoint(2000)), end=1)
    kafka.log(1, *[(b"eth", checkpoint(number)) for number in range(10, 20)])
    found = read_checkpoints({}, BOOKS, raws((TOPIC, 0), (TOPIC, 1)))
    assert positions(found.pop(TP(TOPIC, 0))) == {"BTC-USDT": 10}
    assert positions(found.pop(TP(TOPIC, 1))) == {"BTC-USDT": 19}
    assert not found.refused


def test_a_partition_that_compaction_has_cut_short_ends(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", checkpoint(10)), end=100)
    kafka.log(1, end=50)
    assert positions(read_checkpoints({}, BOOKS, raws((TOPIC, 0), (TOPIC, 1))).pop(TP(TOPIC, 0))) == {
        "BTC-USDT": 10
    }


@pytest.mark.parametrize("junk", [b"junk", checkpoint(1001)])
def test_one_that_is_no_use_takes_the_one_before_with_it(kafka: Kafka, junk: bytes) -> None:
    kafka.log(0, (b"btc", checkpoint(10)), (b"eth", checkpoint(11, symbol="ETH-USDT")), (b"btc", junk))
    kafka.log(1, (b"btc", checkpoint(12)))
    found = read_checkpoints({}, BOOKS, raws((TOPIC, 0), (TOPIC, 1)))
    assert found.refused == {(0, b"btc")}
    assert positions(found.pop(TP(TOPIC, 0))) == {"ETH-USDT": 11}
    assert positions(found.pop(TP(TOPIC, 1))) == {"BTC-USDT": 12}


def test_a_good_one_after_one_that_is_no_use_is_taken(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", b"junk"), (b"btc", checkpoint(9)), (b"btc", checkpoint(8)), (b"btc", None))
    found = read_checkpoints({}, BOOKS, raws((TOPIC, 0)))
    assert (positions(found.pop(TP(TOPIC, 0))), found.refused) == ({"BTC-USDT": 9}, set())


def test_a_broker_that_does_not_lead_its_partitions_yet_is_asked_again(kafka: Kafka) -> None:
    kafka.leaderless = 2
    kafka.log(0, (b"btc", checkpoint(9)))
    found = read_checkpoints({}, BOOKS, raws((TOPIC, 0)))
    assert positions(found.pop(TP(TOPIC, 0))) == {"BTC-USDT": 9}


def test_kafka_that_does_not_answer_is_said_in_a_sentence(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", checkpoint(10)))
    kafka.failing = True
    with pytest.raises(UnavailableError, match=r"checkpoints in checkpoints\.books cannot be read"):
        read_checkpoints({}, BOOKS, raws((TOPIC, 0)))
    assert kafka.opened[0].closed


def test_a_record_with_an_error_is_no_record(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", checkpoint(10)))
    kafka.logs[0][2][0].problem = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(UnavailableError, match="cannot be read"):
        read_checkpoints({}, BOOKS, raws((TOPIC, 0)))


def test_reading_ends_when_it_is_told_to(kafka: Kafka) -> None:
    kafka.log(0, (b"btc", checkpoint(10)))
    stopping = threading.Event()
    stopping.set()
    assert read_checkpoints({}, BOOKS, raws((TOPIC, 0)), stopping).newest == {}


class Readings:
    """In place of :func:`read_checkpoints`: notes what is read, and ends when it is told to or ``go`` is set."""

    def __init__(self) -> None:
        self.asked: list[set[TP]] = []
        self.given_up = 0
        self.go = threading.Event()
        self.error: UnavailableError | None = None

    def __call__(self, _: Any, topic: str, raws: dict[TP, str], stopping: threading.Event) -> Found:
        assert topic == BOOKS
        number = len(self.asked)
        self.asked.append(set(raws))
        deadline_s = time.monotonic() + 10
        while not (self.go.wait(0.001) or stopping.is_set()):
            assert time.monotonic() < deadline_s
        self.given_up += stopping.is_set()
        if self.error is not None:
            raise self.error
        found = Found()
        for tp in raws:
            record = Message(TP(topic, tp.partition), 0, tp.topic.encode(), checkpoint(10 + number, tp.topic))
            found.take(record, {tp.topic: takeover.RawLog("now", 1000)})  # type: ignore[arg-type]
        found.refused.add((0, b"junk"))
        return found


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    reading = Readings()
    monkeypatch.setattr(takeover, "read_checkpoints", reading)
    return reading


A, B, C = TP(TOPIC, 0), TP(TOPIC, 1), TP(OTHER, 1)


def taking_over() -> tuple[Takeover, Counter[str]]:
    counts = Counter[str]()
    return Takeover({}, BOOKS, {TOPIC: "now", OTHER: "now"}, counts), counts


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.001)


def test_all_new_partitions_are_read_at_once_from_the_assignment_on(readings: Readings) -> None:
    async def run() -> None:
        taken, counts = taking_over()
        taken.begin({A, B, C, TP("control.requests", 0)}, known={A})
        await until(lambda: bool(readings.asked))  # nobody has asked for one yet
        readings.go.set()
        assert positions(await taken.checkpoints(B)) == {"BTC-USDT": 10}
        assert [one.raw_topic for one in await taken.checkpoints(C) or []] == [OTHER]
        assert readings.asked == [{B, C}]
        assert counts == {"checkpoints_refused": 1}

    asyncio.run(run())


def test_a_partition_that_is_opened_again_is_read_again(readings: Readings) -> None:
    """Its records begin beyond where this worker was: another one has had it in between."""

    async def run() -> None:
        readings.go.set()
        taken, _ = taking_over()
        taken.begin({A, B}, known=())
        assert positions(await taken.checkpoints(A)) == {"BTC-USDT": 10}
        assert positions(await taken.checkpoints(A)) == {"BTC-USDT": 11}
        assert positions(await taken.checkpoints(B)) == {"BTC-USDT": 10}
        assert readings.asked == [{A, B}, {A}]

    asyncio.run(run())


def test_a_partition_that_goes_while_it_is_opened_is_not_opened(readings: Readings) -> None:
    async def run() -> None:
        taken, counts = taking_over()
        taken.begin({A, B}, known=())
        opening = [asyncio.create_task(taken.checkpoints(tp)) for tp in (A, B)]
        await until(lambda: len(readings.asked) == 1)
        taken.begin({B}, known=())
        await until(lambda: readings.given_up == 1 and len(readings.asked) == 2)
        readings.go.set()
        gone, kept = await asyncio.gather(*opening)
        assert gone is None
        assert positions(kept) == {"BTC-USDT": 11}, "what was read for the assignment before is stale"
        assert readings.asked == [{A, B}, {B}]
        assert counts == {"checkpoints_refused": 1}, "a reading that was given up counts nothing"

    asyncio.run(run())


def test_nothing_is_opened_between_revocation_and_assignment(readings: Readings) -> None:
    async def run() -> None:
        taken, _ = taking_over()
        taken.begin({A}, known=())
        opening = asyncio.create_task(taken.checkpoints(A))
        await until(lambda: len(readings.asked) == 1)
        taken.stop()
        assert await opening is None
        assert await taken.checkpoints(A) is None
        assert readings.given_up == 1

    asyncio.run(run())


def test_an_error_is_raised_where_a_partition_is_opened_and_only_there(readings: Readings) -> None:
    async def run() -> None:
        readings.error = UnavailableError("Kafka is away.")
        readings.go.set()
        taken, _ = taking_over()
        taken.begin({A}, known=())
        await until(lambda: len(readings.asked) == 1)
        taken.begin({B}, known=())
        with pytest.raises(UnavailableError, match="away"):
            await taken.checkpoints(B)

    asyncio.run(run())
