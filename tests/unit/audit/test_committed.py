"""A coordinator that moves is asked again; any other refusal is passed on."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from audit.committed import committed

PLACES = [TopicPartition("raw.x", 0)]


class Kafka:
    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return partitions


def test_a_coordinator_that_moves_is_asked_again() -> None:
    assert committed(Kafka(KafkaError.NOT_COORDINATOR), PLACES) == PLACES


def test_one_that_never_answers_is_given_up() -> None:
    with pytest.raises(KafkaException):
        committed(Kafka(*[KafkaError.COORDINATOR_NOT_AVAILABLE] * 3), PLACES, patience_s=0.1)


def test_another_refusal_is_passed_on() -> None:
    kafka = Kafka(KafkaError.GROUP_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        committed(kafka, PLACES)
    assert not kafka.errors
