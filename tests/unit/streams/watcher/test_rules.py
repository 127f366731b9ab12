"""The rules as they stand: all of them when it begins, each change after, and the last known ones while Kafka is away."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bookmill.errors import UnavailableError
from schemas.alert_rules import rule_from
from schemas.alert_store import StoredRule, encode
from streams.watcher import rules as module
from streams.watcher.rules import RuleFollower, Rules


class Message:
    def __init__(self, rule_id: str, value: bytes | None) -> None:
        self._id, self._value = rule_id, value

    def key(self) -> bytes:
        return self._id.encode()

    def value(self) -> bytes | None:
        return self._value

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0


def message(rule_id: str, kind: str = "gap_opened", **more: Any) -> Message:
    parameters = {"feed_stale": {"seconds": "5"}, "cross_venue": {"bps": "1"}}.get(kind, {})
    rule = rule_from({"id": rule_id, "condition": {"kind": kind, **parameters}, **more})
    return Message(rule_id, encode(StoredRule(rule), 1))


class Topic:
    """``control.alerts``: what there is, and what comes; an exception that comes is raised."""

    def __init__(self, *there: Message) -> None:
        self.there = list(there)
        self.coming: queue.Queue[Message | UnavailableError] = queue.Queue()
        self.opened = self.closed = 0

    def open(self, _config: Any, _topic: str) -> Topic:
        self.opened += 1
        return self

    def to_end(self) -> Iterator[Message]:
        yield from self.there

    def poll(self, _timeout_s: float) -> Message | None:
        try:
            found = self.coming.get(timeout=0.01)
        except queue.Empty:
            return None
        if isinstance(found, UnavailableError):
            raise found
        self.there.append(found)
        return found

    def close(self) -> None:
        self.closed += 1


def until(true: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    found = Topic(
        message("b"), message("a", "feed_stale"), message("off", on=False), Message("x", b"nonsense")
    )
    monkeypatch.setattr(module, "Follower", found.open)
    monkeypatch.setattr(module, "_PAUSE_S", 0.01)
    return found


def names(rules: Rules) -> dict[str | None, list[str]]:
    return {topic: [each.rule.id for each in found] for topic, found in rules.by_topic.items()}


def test_all_rules_are_there_from_the_beginning_by_what_they_are_about(topic: Topic) -> None:
    with RuleFollower({}, "control.alerts") as follower:
        assert names(follower.now) == {"gaps": ["b"], None: ["a"]}
        assert follower.now.all.keys() == {"a", "b", "off"}
        assert follower.unreadable == 1
    assert topic.closed == 1


def test_what_is_changed_is_followed(topic: Topic) -> None:
    with RuleFollower({}, "control.alerts") as follower:
        before = follower.now
        topic.coming.put(message("c", "cross_venue"))
        topic.coming.put(Message("b", None))
        until(lambda: names(follower.now) == {"consolidated": ["c"], None: ["a"]})
        assert names(before) == {"gaps": ["b"], None: ["a"]}
        assert follower.now.version == before.version + 2


def test_while_kafka_is_away_the_last_ones_stand_and_then_all_are_read_again(topic: Topic) -> None:
    with RuleFollower({}, "control.alerts") as follower:
        topic.coming.put(UnavailableError("away"))
        until(lambda: topic.opened == 2)
        until(lambda: follower.problem == "")
        topic.coming.put(message("c"))
        until(lambda: names(follower.now) == {"gaps": ["b", "c"], None: ["a"]})
    assert topic.closed == 2


def test_rules_that_cannot_be_read_at_first_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise UnavailableError("away")

    monkeypatch.setattr(module, "Follower", fail)
    with pytest.raises(UnavailableError, match="away"), RuleFollower({}, "control.alerts"):
        pass
