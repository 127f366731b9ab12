"""The watcher's heart: batches of events in; tops, the consolidated book and alerts to Kafka, and what may be committed.

Independent of Faust, which only hands it batches (:meth:`Watch.process`) and time (:meth:`Watch.tick`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog
from faust.types import TP

from bookmill.settings import Settings
from schemas.catalogue import (
    ALERTS,
    BOOK_SNAPSHOTS,
    CHECKPOINTS_ALERTS,
    CONSOLIDATED,
    GAPS,
    SPREADS,
    TOPS,
    TRADES,
    Topic,
)
from streams.output import Output
from streams.watcher.delivery import Deliveries, Parcel
from streams.watcher.inputs import AlertInput, Input, JudgedInput, Outgoing, Record, Tools, TopsInput
from streams.watcher.opening import Opening
from streams.watcher.restoring import restore
from streams.watcher.rules import Rules
from streams.watcher.silence import CLOCK, FEEDS, Silence

__all__ = ["EVENTS", "INPUTS", "JUDGED", "Watch"]

_log = structlog.get_logger(__name__)
_COMMIT_EVERY_S = 1.0
_LOOK_EVERY_S = 0.5

EVENTS: tuple[Topic, ...] = (TRADES, SPREADS, BOOK_SNAPSHOTS, GAPS)
"""What a watcher reads of what workers write."""
JUDGED: tuple[Topic, ...] = (*EVENTS, CONSOLIDATED)
"""What rules are held against."""
INPUTS: tuple[Topic, ...] = (*JUDGED, TOPS, ALERTS)
"""What a watcher reads: the last three, and the consolidated book, are what watchers write."""


class Watch:
    """Everything a watcher does between two Kafka clients.

    ``group``: the consumer group's full name; ``incarnations``: Kafka's ids of JUDGED, by full name; ``rules``: as they are now.
    """

    def __init__(
        self,
        settings: Settings,
        tools: Tools,
        *,
        group: str,
        output: Output,
        client_config: Mapping[str, Any],
        incarnations: Mapping[str, str],
        rules: Callable[[], Rules],
    ) -> None:
        self.settings = settings
        self.tools = tools
        self.output = output
        self.posts = Deliveries(settings.alerts)
        self.owned: dict[TP, Input] = {}
        """Assigned partitions that have been restored."""
        self.silences: dict[int, Silence] = {}
        self.assigned: frozenset[TP] = frozenset()
        self.rules = rules()
        self._group = group
        self._client_config = client_config
        self._incarnations = incarnations
        self._rules_now = rules
        self._topics = {tools.prefix + topic.name: topic for topic in INPUTS}
        self._opening = Opening(settings, tools, incarnations)
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        """Partitions that are being opened, or were of this assignment."""
        self._committed_s = self._looked_s = 0.0

    async def process(self, tp: TP, records: Sequence[Record], highwater: int) -> None:
        """Process one batch of a partition and write what it gives; nothing where the partition has gone to another watcher meanwhile."""
        one = await self._ready(tp)
        if one is None:
            return
        self._use_rules()
        fresh = one.new(records, highwater)
        if not fresh:
            return
        match one:
            case JudgedInput():
                await self._write(one, one.process(fresh))
            case TopsInput():
                await self._write(one, one.process(fresh, time.monotonic()))
            case AlertInput():
                found = one.process(fresh, self.rules)
                done = one.deliveries.expect(one.position, len(found))
                for each in found:
                    self.posts.put(Parcel(*each, done))

    async def tick(self) -> dict[TP, tuple[int, str]]:
        """Serve reports, look at what does not come, take checkpoints; returns what is to be committed now, mostly nothing."""
        self.output.poll()
        self.posts.check()
        for task in set(self._tasks.values()):
            if task.done() and not task.cancelled():
                task.result()  # an error ends the watcher, also where no record comes to be processed
        self._use_rules()
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            await self._look(now_s)
        await self._take_checkpoints(self.settings.watcher.checkpoint_interval_s)
        if now_s - self._committed_s < _COMMIT_EVERY_S:
            return {}
        self._committed_s = now_s
        return self.commits()

    def commits(self) -> dict[TP, tuple[int, str]]:
        """What has changed since the last commit."""
        found = {tp: one.commit() for tp, one in self.owned.items()}
        return {tp: commit for tp, commit in found.items() if commit != self.owned[tp].committed}

    def committed(self, commits: Mapping[TP, tuple[int, str]]) -> None:
        """Note what Kafka has taken."""
        for tp, commit in commits.items():
            if tp in self.owned:
                self.owned[tp].committed = commit

    def own(self, assigned: Collection[TP]) -> None:
        """Forget partitions that belong to another watcher now, and begin to read what new ones stand at."""
        self.assigned = frozenset(tp for tp in assigned if tp.topic in self._topics)
        for tp in self.owned.keys() - self.assigned:
            del self.owned[tp]
            if self._topics[tp.topic] is SPREADS:  # event topics come and go together
                self._opening.forget(tp.partition)
                self.silences.pop(tp.partition, None)
        self._tasks.clear()
        new = [tp for tp in self.assigned if tp not in self.owned]
        if new:
            task = asyncio.ensure_future(self._open(new))
            # An error is raised at the next tick; nobody asks one that was given up.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._tasks = dict.fromkeys(new, task)

    async def finish(self, timeout_s: float) -> dict[TP, tuple[int, str]]:
        """Before leaving: store all that was written, and what rules have seen; returns what is to be committed.

        Where Kafka has not taken all in that time, nothing more is written.
        """
        until_s = time.monotonic() + timeout_s
        for _ in range(2):  # what was written, then the checkpoints that waited for it
            if not await self.output.all_stored(until_s):
                return self.commits()
            await self._take_checkpoints(0.0)
        await self.output.all_stored(until_s)
        return self.commits()

    async def _ready(self, tp: TP) -> Input | None:
        while tp in self.assigned and tp not in self.owned:
            task = self._tasks.get(tp)
            if task is None:
                return None
            await asyncio.wait([task])
            if self._tasks.get(tp) is task:
                task.result()
        return self.owned.get(tp)

    async def _open(self, tps: Collection[TP]) -> None:
        prefix, mine = self.tools.prefix, asyncio.current_task()
        found = await asyncio.to_thread(
            restore,
            self._client_config,
            self._group,
            tps,
            tops=prefix + TOPS.name,
            checkpoints=prefix + CHECKPOINTS_ALERTS.name,
            incarnations=self._incarnations,
        )
        if any(self._tasks.get(tp) is not mine for tp in tps):
            return  # it was for an assignment that is no more
        self.tools.counts["checkpoints_refused"] += found.refused
        for tp in tps:
            one = self._opening.input(tp, self._topics[tp.topic], found, self.rules)
            self.owned[tp] = one
            one.highwater = max(one.position, found.ends[tp])
        for partition in {tp.partition for tp in tps}.difference(self.silences):
            self.silences[partition] = self._opening.silence(partition, found, self.rules)
        _log.info(
            "partitions opened",
            partitions=len(tps),
            tops=sum(map(len, found.tops.values())),
            states=sum(len(each.states) for each in found.packed.values()),
        )

    def _use_rules(self) -> None:
        """Take over a new version of the rules."""
        now = self._rules_now()
        if now is self.rules:
            return
        self.rules = now
        for one in self.owned.values():
            if isinstance(one, JudgedInput):
                one.judge.use(now.by_topic.get(one.topic.name, ()))
        for silence in self.silences.values():
            silence.use(now.by_topic.get(None, ()))

    async def _write(self, one: Input, outgoing: Sequence[Outgoing]) -> None:
        stored = one.deliveries.expect(one.position, len(outgoing))
        for each in outgoing:
            await self.output.write(each.topic, each.partition, each.records, stored)

    async def _look(self, now_s: float) -> None:
        """At what does not come: of tops, and of feeds that rules are about."""
        for one in list(self.owned.values()):
            if isinstance(one, TopsInput):
                for each in one.silent(now_s):
                    await self.output.write(each.topic, each.partition, each.records, _nothing)
        if not self.rules.by_topic.get(None):
            return
        now_ms = time.time_ns() // 1_000_000
        for partition, silence in list(self.silences.items()):
            inputs = self._feeds(partition)
            if len(inputs) < len(FEEDS["any"]) or any(one.lag for one in inputs):
                continue  # what seems not to come may only not have been read
            source = self.tools.prefix + CLOCK
            found = silence.look(now_ms, {one.topic.name: one.judge.seen for one in inputs})
            if found:
                alerts = [self.tools.alert(source, partition, each) for each in found]
                await self.output.write(self.tools.prefix + ALERTS.name, partition, alerts, _nothing)
                packed = silence.judge.pack(silence.next_id)
                await self._store(partition, source, packed, _nothing)

    def _feeds(self, partition: int) -> list[JudgedInput]:
        found = (self.owned.get(TP(self.tools.prefix + name, partition)) for name in FEEDS["any"])
        return [one for one in found if isinstance(one, JudgedInput)]

    async def _take_checkpoints(self, interval_s: float) -> None:
        for tp, one in list(self.owned.items()):
            if isinstance(one, JudgedInput):
                one.take_checkpoint(interval_s)
                checkpoint = one.storable_checkpoint()
                if checkpoint is not None:
                    stored = self._checkpoint_stored(one, checkpoint.position)
                    await self._store(tp.partition, tp.topic, checkpoint.value, stored)

    async def _store(self, partition: int, key: str, value: bytes, stored: Callable[[], None]) -> None:
        topic = self.tools.prefix + CHECKPOINTS_ALERTS.name
        await self.output.write(topic, partition, [(key.encode(), value, [])], stored)

    def _checkpoint_stored(self, one: JudgedInput, position: int) -> Callable[[], None]:
        def stored() -> None:
            one.checkpointed = position
            self.tools.counts["checkpoints"] += 1

        return stored


def _nothing() -> None:
    """That it is stored concerns nobody: it is looked at again after a crash."""
