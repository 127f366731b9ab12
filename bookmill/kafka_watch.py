"""Whether Kafka is within reach. librdkafka tells of broken connections, not whether that matters, or is over; nor that it is lost itself."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException

from bookmill.errors import UnavailableError

__all__ = ["KafkaWatch", "KnownBrokers", "leave", "let_go"]

_log = structlog.get_logger(__name__)

_STATISTICS_MS = 5000
_LOST_AFTER = 2
"""Statistics in a row. While Kafka is away its brokers are known all the same, as not connected."""
_IDLE_AFTER = 4
"""The same. A client that is well connects within three seconds (``bookmill.kafka.client_config``) to a broker that can be reached."""
_AT_REST = {"INIT", "DOWN", "TRY_CONNECT"}
_REACH_S = 0.25
_REAL = {"configured", "learned"}
_LEAVE_S = 10.0
_LEAVE_AWAY_S = 1.0
_AGAIN_S = 2.0
_TIMEOUT_S = 0.5
_SUSPICIOUS = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT}


class KnownBrokers:
    """Whether a librdkafka client still knows a broker. It is made with ``config``, and polled.

    A broker that stops may answer with a list of brokers in which it is no more. If it was the only one, and its connection breaks
    before that is looked at, the client forgets it together with the addresses it was given, and does nothing ever after, without an
    error (librdkafka issue 5301). Or it knows its broker, which can be reached, and does not try. Only a new client helps. A part
    whose work goes through it ends with a sentence, and whoever watches over it starts it anew; one that can spare it for a moment puts another in its place (:func:`let_go`).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._without = 0
        self._idle = 0
        self._noted_s = clock()

    @property
    def config(self) -> dict[str, Any]:
        """What the client's configuration needs: it tells statistics, inside a poll."""
        return {
            "stats_cb": lambda text: self._note(json.loads(text, object_pairs_hook=_each)),
            "statistics.interval.ms": _STATISTICS_MS,
        }

    @property
    def lost(self) -> bool:
        """Whether the client is lost for good."""
        return self._without >= _LOST_AFTER or self._idle >= _IDLE_AFTER

    @property
    def away(self) -> bool:
        """Whether nobody answers the client for now, as far as is known."""
        return self.lost

    def require(self) -> None:
        """Raise :class:`UnavailableError` where it is."""
        if self.lost:
            raise UnavailableError(
                "A Kafka client has no broker any more, and will not look for one.",
                hint="Start this part again.",
            )

    def _note(self, said: Mapping[str, Any]) -> None:
        brokers = [each for each in said.get("brokers", {}).values() if each.get("source") != "internal"]
        real = [each for each in brokers if each.get("source") in _REAL]
        self._without = 0 if real else self._without + 1
        # Whoever has not polled for a while is told many at once: of times when the broker may have been away.
        now_s = self._clock()
        intervals, self._noted_s = (now_s - self._noted_s) * 1000 / _STATISTICS_MS, now_s
        if intervals > 2.0 or not all(each.get("state") in _AT_REST for each in brokers):
            self._idle = 0
        elif intervals > 0.5:
            self._idle = self._idle + 1 if any(map(_can_be_reached, real)) else 0


def _each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the statistics: a broker that was forgotten and learned again stands there more than once, under one name."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    return {f"{name} ({number})": value for number, (name, value) in enumerate(pairs)}


def _can_be_reached(broker: Mapping[str, Any]) -> bool:
    host, _, port = broker.get("nodename", "").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _REACH_S):
            return True
    except (OSError, ValueError):
        return False


def let_go(consumer: Consumer, what: str) -> None:
    """Another takes the place of a lost consumer, which reads ``what``. It is closed beside: it may wait for brokers to say good-bye to."""
    _log.warning("a Kafka client has no broker any more, another takes its place", reads=what)
    threading.Thread(target=consumer.close, name="lost client", daemon=True).start()


def leave(consumer: Consumer, brokers: KnownBrokers) -> None:
    """Close a consumer that is in a group, if it can be closed within ten seconds; within one where nobody answers it.

    It waits for the brokers to take its commits and its good-bye: without any, for ever. Left alone, the group forgets it after its
    session, and whoever comes next repeats what was not committed. Its rebalance callbacks are called in another thread, while this
    one waits; what they raise is raised.
    """
    raised: list[BaseException] = []

    def close() -> None:
        try:
            consumer.close()
        except BaseException as error:  # noqa: BLE001  whoever waits for it raises it
            raised.append(error)

    thread = threading.Thread(target=close, name="closing", daemon=True)
    thread.start()
    thread.join(_LEAVE_AWAY_S if brokers.away else _LEAVE_S)
    if thread.is_alive():
        _log.warning("a Kafka client cannot be closed, and is left alone")
    if raised:
        raise raised[0]


class KafkaWatch(KnownBrokers):
    """The same of a consumer that lives long, and whether a broker answers it: ``problem`` is empty while all is well.

    ``queued_bytes`` have been fetched and wait in the library's queue.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.problem = ""
        self.queued_bytes = 0
        self._suspicion = ""
        self._look_at_s = 0.0

    @property
    def config(self) -> dict[str, Any]:
        """The same, and its errors."""
        return {**super().config, "error_cb": self.on_error}

    def on_error(self, error: KafkaError) -> None:
        """Called by librdkafka, inside a poll."""
        if error.code() in _SUSPICIOUS:
            self._suspicion = error.str()

    def doubt(self) -> None:
        """An answer takes longer than it should. What is cut off without a word is no error for a minute."""
        self._suspicion = self._suspicion or "it takes too long"

    def _note(self, said: Mapping[str, Any]) -> None:
        super()._note(said)
        topics = said.get("topics", {})
        # There is one queue for all partitions; each of them tells the length of it.
        self.queued_bytes = max(
            (
                partition.get("fetchq_size", 0)
                for topic in topics.values()
                for partition in topic.get("partitions", {}).values()
            ),
            default=0,
        )

    @property
    def away(self) -> bool:
        """Whether nobody answers the client for now, as far as is known."""
        return self.lost or bool(self.problem)

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
