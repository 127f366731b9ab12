"""The rules of alerts as they stand now: read to the end at start, followed from then on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import structlog

from bookmill.errors import FrameError, UnavailableError
from schemas.alert_rules import AlertRule
from schemas.alert_store import StoredRule, note
from schemas.compacted import Follower
from streams.watcher.states import Watched, topic_of, watched

__all__ = ["RuleFollower", "Rules"]

_log = structlog.get_logger(__name__)
_POLL_S = 0.5
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Rules:
    """One version of all rules. ``by_topic``: those that are on, by the topic whose events they are about (None: by the clock)."""

    version: int = 0
    all: Mapping[str, AlertRule] = field(default_factory=dict)
    by_topic: Mapping[str | None, tuple[Watched, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, StoredRule], version: int) -> Self:
        """Of what is stored; in the order of their ids, so that alerts of one event always come in the same."""
        by_topic: dict[str | None, list[Watched]] = {}
        for _, each in sorted(stored.items()):
            if each.rule.on:
                by_topic.setdefault(topic_of(each.rule), []).append(watched(each))
        return cls(
            version,
            {name: each.rule for name, each in stored.items()},
            {topic: tuple(each) for topic, each in by_topic.items()},
        )


class RuleFollower:
    """Keeps ``now`` up to date, in a thread of its own. ``config``: a client's; ``topic``: with the installation's prefix.

    Use as a context manager; inside, ``now`` has all rules that were there when it was entered. Raises
    :class:`UnavailableError` where they cannot be read then; later it goes on with those it has, and tries again.
    """

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._config = config
        self._topic = topic
        self._stored: dict[str, StoredRule] = {}
        self._stopping = threading.Event()
        self._follower: Follower | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True, name="alert rules")
        self.now = Rules()
        self.unreadable = 0
        self.problem = ""

    def __enter__(self) -> Self:
        try:
            self._begin()
        except UnavailableError:
            self._close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def _begin(self) -> None:
        self._stored.clear()
        self._follower = Follower(self._config, self._topic)
        for message in self._follower.to_end():
            self._take(message)
        self._publish()
        _log.info("alert rules read", rules=len(self._stored), unreadable=self.unreadable)

    def _take(self, message: Any) -> None:
        try:
            note(message, self._stored)
        except FrameError as error:
            self.unreadable += 1
            _log.warning(
                "no alert rule", partition=message.partition(), offset=message.offset(), reason=str(error)
            )

    def _publish(self) -> None:
        self.now = Rules.of(self._stored, self.now.version + 1)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._follower is None:
                    self._begin()
                    self.problem = ""
                elif (message := self._follower.poll(_POLL_S)) is not None:
                    self._take(message)
                    self._publish()
            except UnavailableError as error:
                self.problem = str(error)
                _log.warning("alert rules cannot be followed", reason=str(error))
                self._close()
                self._stopping.wait(_PAUSE_S)
