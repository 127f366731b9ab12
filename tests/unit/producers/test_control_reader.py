"""The reader of control requests goes on where it was when its Kafka client is lost."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from bookmill.kafka_watch import KnownBrokers
from bookmill.settings import KafkaSettings
from producers.control import ControlReader


class Client:
    """A consumer that gives each of ``messages`` once, and then does what it is told by ``then``."""

    def __init__(self, messages: list[Any], then: Any) -> None:
        self._messages = iter(messages)
        self._then = then
        self.assigned: dict[int, int] = {}

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = {place.partition: place.offset for place in places}

    def poll(self, _: float) -> Any:
        message = next(self._messages, None)
        if message is None:
            self._then()
        return message

    def close(self) -> None:
        pass


def _message(partition: int, offset: int) -> Any:
    return SimpleNamespace(error=lambda: None, partition=lambda: partition, offset=lambda: offset)


def test_a_client_that_is_lost_is_replaced_and_reading_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brokers, taken = KnownBrokers(), []
    second = Client([_message(1, 8)], lambda: reader._stopping.set())  # noqa: PLW0108  it is made below
    first = Client([_message(1, 7)], lambda: setattr(brokers, "_without", 2))
    clients: Iterator[tuple[KnownBrokers, Client]] = iter([(brokers, first), (KnownBrokers(), second)])
    monkeypatch.setattr(ControlReader, "_connect", lambda _: next(clients))
    monkeypatch.setattr(ControlReader, "_decode", lambda _, message: message.offset())
    monkeypatch.setattr("producers.control.AvroDeserializer", lambda *_: None)
    reader = ControlReader(KafkaSettings(), "127.0.0.1:1", cast("Any", None), taken.append)
    reader._next = {0: 5, 1: 7}
    reader._run()
    assert second.assigned == {0: 5, 1: 8}
    assert taken == [7, 8]


def test_a_broker_that_does_not_lead_the_requests_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Started(Client):
        refused = 0

        def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002  the library's
            return SimpleNamespace(topics={topic: SimpleNamespace(partitions={0: None, 1: None})})

        def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:  # noqa: ARG002  the library's
            if place.partition == 1 and self.refused == 0:
                self.refused += 1
                raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
            return 0, 40 + place.partition

    client = Started([], lambda: reader._stopping.set())  # noqa: PLW0108  it is made below
    monkeypatch.setattr(ControlReader, "_connect", lambda _: (KnownBrokers(), client))
    monkeypatch.setattr("producers.control.AvroDeserializer", lambda *_: None)
    reader = ControlReader(KafkaSettings(), "127.0.0.1:1", cast("Any", None), lambda _: None)
    reader.start()
    reader.stop()
    assert client.assigned == {0: 40, 1: 41}
    assert client.refused == 1
