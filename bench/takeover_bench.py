"""Taking over: 400 books on two workers that follow them, one is killed, and the other has all of them live again.

There is no producer: whoever asks for a snapshot gets none, and a request is seen in its topic.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer

from bench.checkpoint_bench import BOOKS, LEVELS
from bench.frames import RawFrame
from bench.many_books import Books
from bench.meter import TopicMeter, read_status
from bench.stage import Stage
from bookmill.errors import BookmillError
from bookmill.kafka import client_config
from bookmill.processes import last_lines
from schemas.catalogue import CONTROL_REQUESTS

__all__ = ["TakeoverRun", "run_takeover"]

_ROUND_S = 0.5
"""Each book changes once in so long: 800 frames a second."""
_SETTINGS = {
    "BOOKMILL_EXCHANGES": '{"binance": {"spot": {}, "usdm": {"enabled": false}}}',
    "BOOKMILL_WORKER__SESSION_TIMEOUT_S": "6",
    "BOOKMILL_WORKER__CHECKPOINT_INTERVAL_S": "10",
}
_WAIT_S = 120.0
_POLL_S = 0.05


@dataclass(frozen=True)
class TakeoverRun:
    """``silent_s``: from the kill until the group had rebalanced; ``seconds``: from then until all books were live, with all changes
    written until then.

    ``taken_over``: books the killed worker had; ``requests``: snapshots asked for.
    """

    seconds: float
    silent_s: float
    taken_over: int
    requests: int


class _Feed:
    """Writes the books' changes at their pace, in a thread of its own, until the block ends."""

    def __init__(self, producer: Producer, prefix: str, changes: Iterable[RawFrame]) -> None:
        self._producer = producer
        self._prefix = prefix
        self._changes = iter(changes)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")

    def __enter__(self) -> _Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._producer.flush()

    def _run(self) -> None:
        while not self._stopping.wait(_ROUND_S):
            for _ in range(BOOKS):
                frame = next(self._changes)
                self._producer.produce(
                    self._prefix + frame.topic, frame.value, frame.key, headers=list(frame.headers)
                )
            self._producer.poll(0)


def run_takeover(stage: Stage) -> TakeoverRun:
    """Raises :class:`BookmillError` where the books do not come (back)."""
    prefix = stage.prefix("takeover")
    books = Books(BOOKS, LEVELS)
    stage.preload(prefix, [*books.images(), *books.changes(1)])
    producer = Producer(
        {
            **client_config(stage.settings.kafka, stage.addresses.kafka),
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    with ExitStack() as open_:
        workers = [open_.enter_context(stage.part("worker", prefix, _SETTINGS)) for _ in range(2)]
        open_.enter_context(_Feed(producer, prefix, books.changes(1_000_000)))
        _until(workers, lambda all_: sum(map(_live, all_)) == BOOKS and min(map(_live, all_)) > 0)
        # Once in an interval each: after one more all are no older than that.
        stored = sum(status["checkpoints"] for status in map(_status, workers))
        _until(workers, lambda all_: sum(status["checkpoints"] for status in all_) >= stored + BOOKS)
        killed, survivor = workers
        taken_over = _live(_status(killed))
        killed.child.kill()
        killed_s = time.monotonic()
        _until([survivor], lambda all_: all_[0]["assigned"] == stage.settings.kafka.partitions)
        rebalanced_s = time.monotonic()
        raw_topic, asked = prefix + "raw.binance.spot", prefix + CONTROL_REQUESTS.name
        with TopicMeter(stage.addresses.kafka, [raw_topic, asked]) as meter:
            end = meter.records()[raw_topic]
            _until(
                [survivor],
                lambda all_: _live(all_[0]) == BOOKS and meter.records()[raw_topic] - all_[0]["lag"] >= end,
            )
            live_s = time.monotonic()
            status = _status(survivor)
            requests = meter.records()[asked]
    if status["gaps"]:
        raise BookmillError(f"The books taken over have {status['gaps']} gaps.")
    return TakeoverRun(live_s - rebalanced_s, rebalanced_s - killed_s, taken_over, requests)


def _live(status: Mapping[str, Any]) -> int:
    return sum(one["state"] == "live" for one in status.get("instruments", {}).values())


def _status(part: Any) -> Mapping[str, Any]:
    if part.child.poll() is not None:
        said = last_lines(part.child.log_path, 1) if part.child.log_path else []
        raise BookmillError(f"A worker has ended; its last words: {' '.join(said) or 'none'}")
    return read_status(part.status_url)


def _until(parts: Iterable[Any], true: Any) -> None:
    """Ask for all statuses until they are as wanted."""
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        found = [_status(part) for part in parts]
        if all(found) and true(found):
            return
        time.sleep(_POLL_S)
    raise BookmillError(
        f"Not within {_WAIT_S:.0f} s: {[{**status, 'instruments': _live(status)} for status in found]}."
    )
