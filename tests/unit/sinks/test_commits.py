"""Commits are sent without waiting, one at a time, and only what Kafka took counts as committed."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from bookmill.errors import RefusedError
from sinks.counters import Counters
from sinks.offsets import Commits
from sinks.partition import Limits, Partition
from sinks.progress import Progress


class Group:
    """A consumer's :meth:`commit`."""

    def __init__(self) -> None:
        self.sent: list[list[TopicPartition]] = []
        self.error: KafkaError | None = None

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:  # noqa: ARG002  the signature is the library's
        if self.error is not None:
            raise KafkaException(self.error)
        self.sent.append(offsets)


class Answer:
    """A :class:`TopicPartition` with an error in it: only the library makes those."""

    def __init__(self, topic: str, partition: int, error: KafkaError | None) -> None:
        self.topic = topic
        self.partition = partition
        self.error = error


def partition(number: int, offset: int = 5) -> Partition:
    one = Partition("t", number, Progress(offset), start=0, end=0, limits=Limits(rows=1, size=1, age_s=1))
    one.committed = False
    return one


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def commits(clock: list[float]) -> Commits:
    return Commits(clock=lambda: clock[0], delay_s=lambda _: 0.5, counters=Counters())


def test_one_request_at_a_time(commits: Commits) -> None:
    group: Any = Group()
    one, two = partition(0), partition(1)
    commits.send(group, [one])
    commits.send(group, [one, two])
    assert [len(each) for each in group.sent] == [1]
    commits.answered(None, group.sent[0])
    commits.send(group, [one, two])
    assert [each.partition for each in group.sent[1]] == [1]
    assert (one.committed, two.committed) == (True, False)


def test_what_went_on_since_then_is_committed_again(commits: Commits) -> None:
    group: Any = Group()
    one = partition(0)
    commits.send(group, [one])
    one.progress = Progress(5, {}, last=9)
    commits.answered(None, group.sent[0])
    assert not one.committed
    commits.send(group, [one])
    assert group.sent[1][0].metadata == '{"last":9,"marks":{}}'


def test_a_partition_that_was_not_taken_is_sent_again_after_a_pause(
    commits: Commits, clock: list[float]
) -> None:
    group: Any = Group()
    one, two = partition(0), partition(1)
    commits.send(group, [one, two])
    answers = [Answer("t", 0, KafkaError(KafkaError.REBALANCE_IN_PROGRESS)), Answer("t", 1, None)]
    commits.answered(None, answers)  # type: ignore[arg-type]
    assert (one.committed, two.committed, commits.failures) == (False, True, 1)
    commits.send(group, [one, two])
    assert len(group.sent) == 1
    clock[0] += 1
    commits.send(group, [one, two])
    assert [each.partition for each in group.sent[1]] == [0]


def test_a_request_that_fails_as_a_whole_marks_nothing(commits: Commits) -> None:
    group: Any = Group()
    one = partition(0)
    commits.send(group, [one])
    commits.answered(KafkaError(KafkaError._TRANSPORT), [])
    assert not one.committed
    assert not commits.outstanding


def test_what_kafka_will_never_take_is_said(commits: Commits) -> None:
    group: Any = Group()
    group.error = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    commits.send(group, [partition(0)])
    assert isinstance(commits.refused, RefusedError)
