"""What the group's reader tells: whole partitions, then changes; what is lost to an outage only when the group has answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from bookmill.kafka_watch import KnownBrokers
from bookmill.settings import KafkaSettings, ProducerSettings
from producers.subscription_reader import SubscriptionReader
from schemas.subscriptions import Desired, SubscriptionStore

STORE = SubscriptionStore(KafkaSettings(), "127.0.0.1:1", 7)
BTC = Desired("binance", "spot", "BTC-USDT", on=True)
OFF = Desired("binance", "spot", "BTC-USDT", on=False)
ETH = Desired("binance", "spot", "ETH-USDT", on=True)


@dataclass
class Said:
    """Keeps what it is told."""

    all: list[tuple[Any, ...]] = field(default_factory=list)

    def given(self, partition: int, states: Mapping[str, Desired]) -> None:
        self.all.append(("given", partition, dict(states)))

    def changed(self, partition: int, key: str, desired: Desired | None) -> None:
        self.all.append(("changed", partition, key, desired))

    def taken(self, partitions: Iterable[int]) -> None:
        self.all.append(("taken", sorted(partitions)))


@dataclass
class FakeMessage:
    number: int
    bytes_key: bytes = b""
    bytes_value: bytes | None = None
    code: int | None = None

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return 0

    def key(self) -> bytes:
        return self.bytes_key

    def value(self) -> bytes | None:
        return self.bytes_value

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)


@dataclass
class FakeConsumer:
    """Takes assignments."""

    assigned: set[int] = field(default_factory=set)
    topics: list[str] = field(default_factory=list)

    def subscribe(self, topics: list[str], **_: Any) -> None:
        self.topics += topics

    def close(self) -> None:
        pass

    def incremental_assign(self, places: Iterable[TopicPartition]) -> None:
        self.assigned |= {place.partition for place in places}

    def incremental_unassign(self, places: Iterable[TopicPartition]) -> None:
        self.assigned -= {place.partition for place in places}


@dataclass
class World:
    reader: SubscriptionReader
    said: Said
    consumer: FakeConsumer = field(default_factory=FakeConsumer)

    def assign(self, *numbers: int) -> None:
        self.reader._on_assign(cast("Consumer", self.consumer), [TopicPartition("t", n) for n in numbers])

    def revoke(self, *numbers: int) -> None:
        self.reader._on_revoke(cast("Consumer", self.consumer), [TopicPartition("t", n) for n in numbers])

    def lose(self, *numbers: int) -> None:
        self.reader._on_lost(cast("Consumer", self.consumer), [TopicPartition("t", n) for n in numbers])

    def read(self, number: int, *states: Desired) -> None:
        for one in states:
            self.reader._take(cast("Any", FakeMessage(number, one.key.encode(), STORE._encode(one))))

    def take(self, number: int, **more: Any) -> None:
        self.reader._take(cast("Any", FakeMessage(number, **more)))

    def end(self, number: int) -> None:
        self.take(number, code=KafkaError._PARTITION_EOF)


@pytest.fixture
def world() -> Iterator[World]:
    said = Said()
    reader = SubscriptionReader(KafkaSettings(), ProducerSettings(), "127.0.0.1:1", "me", said)
    reader._consumer.close()
    world = World(reader, said)
    reader._consumer = cast("Consumer", world.consumer)
    yield world
    reader.stop()


def test_a_partition_is_told_whole_and_then_by_changes(world: World) -> None:
    world.assign(2, 4)
    world.read(2, BTC, ETH, OFF)
    world.take(2, bytes_key=ETH.key.encode())  # forgotten
    assert world.said.all == []
    world.end(2)
    assert world.said.all == [("given", 2, {BTC.key: OFF})]
    world.read(2, BTC)
    world.take(2, bytes_key=BTC.key.encode())
    assert world.said.all[1:] == [("changed", 2, BTC.key, BTC), ("changed", 2, BTC.key, None)]
    world.end(2)
    assert len(world.said.all) == 3
    assert world.reader.partitions == {2}


def test_what_is_no_record_of_its_key_is_counted_and_changes_nothing(world: World) -> None:
    world.assign(0)
    world.read(0, BTC)
    world.take(0, bytes_key=BTC.key.encode(), bytes_value=b"\xff\x00junk")
    world.take(0, bytes_key=ETH.key.encode(), bytes_value=STORE._encode(OFF))
    world.end(0)
    assert world.said.all == [("given", 0, {BTC.key: BTC})]
    assert world.reader.unreadable == 2


def test_partitions_that_go_to_another_are_told_at_once(world: World) -> None:
    world.assign(0, 1)
    world.end(0)
    world.end(1)
    world.revoke(1)
    assert world.said.all[2:] == [("taken", [1])]
    assert (world.consumer.assigned, world.reader.partitions) == ({0}, {0})


def test_an_outage_of_kafka_moves_nothing_until_the_group_answers(world: World) -> None:
    world.assign(0, 1)
    world.read(0, BTC)
    world.end(0)
    world.end(1)
    world.lose(0, 1)
    assert len(world.said.all) == 2
    world.assign(0)
    assert world.said.all[2:] == [("taken", [1])]
    world.read(0, BTC)
    world.end(0)
    assert world.said.all[3:] == [("given", 0, {BTC.key: BTC})]


def test_what_kafka_says_is_a_problem_until_it_is_read_again(world: World) -> None:
    world.take(0, code=KafkaError._ALL_BROKERS_DOWN)
    assert world.reader.problem
    world.end(0)
    assert world.reader.problem == ""


def test_a_client_that_is_lost_is_replaced_and_moves_nothing_until_the_group_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.assign(0, 1, 2)
    world.read(0, BTC)
    world.end(0)
    world.end(1)
    lost, world.consumer = world.consumer, FakeConsumer()
    monkeypatch.setattr(world.reader, "_connect", lambda: (KnownBrokers(), world.consumer))
    world.reader._join_anew()
    assert world.consumer.topics == ["control.subscriptions"]
    world.reader._on_revoke(cast("Consumer", lost), [TopicPartition("t", 0)])
    world.reader._on_lost(cast("Consumer", lost), [TopicPartition("t", 1)])
    assert len(world.said.all) == 2
    world.assign(0)
    assert world.said.all[2:] == [("taken", [1, 2])]
    world.read(0, BTC)
    world.end(0)
    assert world.said.all[3:] == [("given", 0, {BTC.key: BTC})]
