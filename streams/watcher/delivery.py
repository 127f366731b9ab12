"""What is to be posted, waiting: a bounded queue, a few that post at a time, and what became of each."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from bookmill.buffers import Buffer
from bookmill.settings import AlertSettings
from streams.watcher.webhook import Outcome, Webhook, host_of

__all__ = ["Deliveries", "Parcel"]

_log = structlog.get_logger(__name__)
_AT_A_TIME = 4
_KEPT = 50


class Parcel(NamedTuple):
    """One alert for one address; ``done`` is called when nothing more will be done about it."""

    rule: str
    alert: str
    url: str
    body: bytes
    done: Callable[[], None]


class Deliveries:
    """Posts what is put in, several at a time; a slow receiver holds up no rule, and a full queue refuses and counts."""

    def __init__(self, settings: AlertSettings) -> None:
        self.counts: Counter[str] = Counter()
        self.recent: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        """What became of the last ones, newest last."""
        self._settings = settings
        self._queue: asyncio.Queue[Parcel] = asyncio.Queue(settings.webhook_queue)
        self._under_way = 0
        self._tasks: list[asyncio.Task[None]] = []

    def put(self, parcel: Parcel) -> None:
        """Send it as soon as there is somebody to."""
        try:
            self._queue.put_nowait(parcel)
        except asyncio.QueueFull:
            self.counts["overflowed"] += 1
            self._note(parcel, Outcome("failed", 0, "too many alerts wait for their webhooks"))

    def buffer(self) -> Buffer:
        """How many wait."""
        return Buffer(
            "alerts for webhooks",
            self._queue.qsize() + self._under_way,
            self._settings.webhook_queue + _AT_A_TIME,
            "refuse",
            self.counts["overflowed"],
        )

    def start(self) -> None:
        """Begin to post, in the running event loop."""
        self._tasks = [asyncio.ensure_future(self._work()) for _ in range(_AT_A_TIME)]

    def check(self) -> None:
        """Raise what has ended one of those that post: a bug, not a receiver."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def stop(self) -> None:
        """Leave what waits: its records are not committed, and whoever reads them next sends it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def _work(self) -> None:
        async with Webhook(self._settings) as webhook:
            while True:
                parcel = await self._queue.get()
                self._under_way += 1
                try:
                    outcome = await webhook.post(parcel.url, parcel.alert, parcel.body)
                finally:
                    self._under_way -= 1
                self._note(parcel, outcome)

    def _note(self, parcel: Parcel, outcome: Outcome) -> None:
        self.counts[outcome.result] += 1
        said = {
            "alert": parcel.alert,
            "rule": parcel.rule,
            "host": host_of(parcel.url),
            **outcome._asdict(),
        }
        self.recent.append(said)
        (_log.info if outcome.result == "delivered" else _log.warning)("webhook", **said)
        parcel.done()
