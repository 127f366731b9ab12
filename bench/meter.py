"""The measure all runs share, taken from outside: what is stored in Kafka, and when the broker says it was.

Our topics carry the time the broker appended a record. First and last record of a run's topics therefore give its
duration without start-up, to the millisecond, and in the same way for any program that writes them.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bookmill.errors import BookmillError, UnavailableError
from bookmill.processes import Child, last_lines

__all__ = ["CpuClock", "TopicMeter", "cpu_seconds", "peak_memory_mib", "read_status", "wait_until"]

_POLL_S = 0.2
_TIMEOUT_S = 20.0
_STALLED_S = 60.0


class TopicMeter:
    """Counts and dates the records of topics; a context manager."""

    def __init__(self, bootstrap_servers: str, topics: Iterable[str]) -> None:
        self._topics = tuple(topics)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "bookmill-bench",
                "enable.auto.commit": False,
            }
        )

    def __enter__(self) -> TopicMeter:
        self._partitions = [
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def records(self) -> dict[str, int]:
        """Stored records by topic."""
        counts = dict.fromkeys(self._topics, 0)
        for partition, _, high in self._ends():
            counts[partition.topic] += high
        return counts

    def seconds(self) -> float:
        """From the first record's time to the last one's."""
        times = [
            self._time_ms(partition, offset)
            for partition, low, high in self._ends()
            if high > low
            for offset in (low, high - 1)
        ]
        return (max(times) - min(times)) / 1000

    def _ends(self) -> list[tuple[TopicPartition, int, int]]:
        return [
            (partition, *self._consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S))
            for partition in self._partitions
        ]

    def _time_ms(self, partition: TopicPartition, offset: int) -> int:
        self._consumer.assign([TopicPartition(partition.topic, partition.partition, offset)])
        messages = self._consumer.consume(1, timeout=_TIMEOUT_S)
        if not messages:
            raise UnavailableError(f"Kafka does not give record {offset} of {partition.topic}.")
        message: Message = messages[0]
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        return int(message.timestamp()[1])


class CpuClock:
    """Processor time of a process for what ``counted`` counts, from when the count first moves.

    What was counted by then is taken to have cost as much as the rest.
    """

    def __init__(self, pid: int, counted: Callable[[], int]) -> None:
        self._pid = pid
        self._counted = counted
        self._first: tuple[int, float] | None = None
        self._last = 0

    def count(self) -> int:
        """The count now."""
        self._last = self._counted()
        if self._last and self._first is None:
            self._first = self._last, cpu_seconds(self._pid)
        return self._last

    def seconds(self) -> float:
        """For the whole count so far."""
        first, then_s = self._first or (0, 0.0)
        moved = self._last - first
        return (cpu_seconds(self._pid) - then_s) * self._last / moved if moved else 0.0


def wait_until(
    count: Callable[[], int],
    total: int,
    child: Child,
    advanced: Callable[[int], None],
    *,
    poll_s: float = _POLL_S,
) -> None:
    """Ask ``count`` until it is ``total``; ``advanced`` gets each answer.

    Raises :class:`BookmillError` when the child ends, nothing moves for a minute, or the count passes the total.
    """
    last, moved_s = -1, time.monotonic()
    while last < total:
        found = count()
        if found != last:
            last, moved_s = found, time.monotonic()
            advanced(found)
        status, still_s = child.poll(), time.monotonic() - moved_s
        if status is not None or still_s > _STALLED_S:
            how = f"stands still since {still_s:.0f} s" if status is None else f"ended (exit status {status})"
            said = last_lines(child.log_path, 1) if child.log_path else []
            raise BookmillError(
                f"The {child.name} {how} at {last} of {total}; its last words: {' '.join(said) or 'none'}"
            )
        time.sleep(poll_s)
    if last > total:
        raise BookmillError(
            f"The {child.name} came to {last} instead of {total}: it does not do the same work."
        )


def read_status(url: str) -> Mapping[str, Any]:
    """A part's ``/status``; empty while it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310  an address of our own
            status: dict[str, Any] = json.load(answer)
            return status
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def peak_memory_mib(pid: int) -> float:
    """The most resident memory a process has had; where the system does not keep it, what it has now."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except FileNotFoundError:
        pass
    return round(int(psutil.Process(pid).memory_info().rss) / 2**20, 1)
