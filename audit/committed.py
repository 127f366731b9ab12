"""What a consumer group has committed, asked from outside; a coordinator that is just moving is asked again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

__all__ = ["committed"]

_TIMEOUT_S = 30.0
_PAUSE_S = 0.3
_MOVING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}


class _Consumer(Protocol):
    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]: ...


def committed(
    consumer: _Consumer, places: Sequence[TopicPartition], *, patience_s: float = _TIMEOUT_S
) -> list[TopicPartition]:
    """Offset and metadata of each of ``places``, in their order. Raises :class:`KafkaException` when Kafka does not tell."""
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return _asked(consumer, places)
        except KafkaException as error:
            if error.args[0].code() not in _MOVING or time.monotonic() > deadline_s:
                raise
        time.sleep(_PAUSE_S)


def _asked(consumer: _Consumer, places: Sequence[TopicPartition]) -> list[TopicPartition]:
    found = consumer.committed(list(places), timeout=_TIMEOUT_S)
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return found
