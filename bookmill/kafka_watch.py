"""Whether Kafka is within reach, for health. librdkafka tells of broken connections, not whether that matters, or is over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException

__all__ = ["KafkaWatch"]

_AGAIN_S = 2.0
_TIMEOUT_S = 0.5
_SUSPICIOUS = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT}


class KafkaWatch:
    """``problem`` is empty while all is well; ``on_error`` is the consumer's error callback, ``on_statistics`` that of its statistics.

    ``queued_bytes`` have been fetched and wait in the library's queue.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.problem = ""
        self.queued_bytes = 0
        self._clock = clock
        self._suspicion = ""
        self._look_at_s = 0.0

    def on_error(self, error: KafkaError) -> None:
        """Called by librdkafka, inside a poll."""
        if error.code() in _SUSPICIOUS:
            self._suspicion = error.str()

    def on_statistics(self, text: str) -> None:
        """Called by librdkafka once in a while, inside a poll."""
        topics = json.loads(text).get("topics", {})
        # There is one queue for all partitions; each of them tells the length of it.
        self.queued_bytes = max(
            (
                partition.get("fetchq_size", 0)
                for topic in topics.values()
                for partition in topic.get("partitions", {}).values()
            ),
            default=0,
        )

    def look(self, consumer: Consumer) -> None:
        """After an error, see now and then whether a broker answers, until one does."""
        if not self._suspicion or self._clock() < self._look_at_s:
            return
        self._look_at_s = self._clock() + _AGAIN_S
        try:
            consumer.list_topics(timeout=_TIMEOUT_S)
        except KafkaException:
            self.problem = f"Kafka does not answer: {self._suspicion}."
        else:
            self.problem = self._suspicion = ""
