"""The worker's heart: batches of raw records in, events to Kafka, checkpoints, requests, and what may be committed.

Independent of Faust, which only hands it batches (:meth:`Mill.process`) and time (:meth:`Mill.tick`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from faust.types import TP

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_UPDATES, CHECKPOINTS, CONTROL_REQUESTS, EVENT_TOPICS, Topic, dead_letters
from streams.backfills import BackfillRequests
from streams.checkpoints import restore
from streams.dead_letters import error_headers
from streams.output import Output
from streams.owned import OwnedPartition
from streams.partition import RawPartition, RawRecord, Work
from streams.requests import ResyncRequests
from streams.takeover import Takeover
from venues.interface import Venue

__all__ = ["Mill"]

_log = structlog.get_logger(__name__)
_COMMIT_EVERY_S = 1.0
_NEAR_END_BATCHES = 5


class Mill:
    """Everything a worker does between two Kafka clients. ``venues`` and ``incarnations`` by raw topic (prefix included)."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        prefix: str,
        venues: Mapping[str, Venue],
        schema_ids: Mapping[Topic, int],
        output: Output,
        client_config: dict[str, Any],
        incarnations: Mapping[str, str],
    ) -> None:
        self.settings = settings
        self.owned: dict[TP, OwnedPartition] = {}
        """Assigned partitions that had records."""
        self.assigned = 0
        self.counts: Counter[str] = Counter()
        self._prefix = prefix
        written = (*EVENT_TOPICS, BOOK_UPDATES) if settings.book_updates else EVENT_TOPICS
        self._event_topics = [(topic.name, prefix + topic.name) for topic in written]
        self._venues = venues
        self._incarnations = incarnations
        self._schema_ids = schema_ids
        self.output = output
        self._takeover = Takeover(client_config, prefix + CHECKPOINTS.name, incarnations, self.counts)
        self.requests = ResyncRequests(schema_ids[CONTROL_REQUESTS], settings.resync_retry_s)
        self.backfills = BackfillRequests(
            schema_ids[CONTROL_REQUESTS], settings.backfill_retry_s, settings.backfill_attempts
        )
        self._committed_s = 0.0

    async def process(self, tp: TP, records: Sequence[RawRecord], highwater: int) -> None:
        """Process one batch of a partition and write what it gives; nothing where the partition has gone to another worker meanwhile."""
        owned = self.owned.get(tp)
        if owned is None or owned.raw.position < records[0].offset:
            owned = await self._open(tp, records[0].offset)
            if owned is None:
                return
        owned.highwater = max(highwater, records[-1].offset + 1)
        work = owned.raw.process(records)
        await self._write(owned, work)
        owned.take_checkpoints(self.settings.checkpoint_interval_s, most=1)
        await self._store_checkpoints(owned)

    async def tick(self) -> dict[TP, tuple[int, str]]:
        """Serve reports, requests and checkpoints; returns what is to be committed now, mostly nothing."""
        self.output.poll()
        for owned in list(self.owned.values()):
            await self._ask_for_snapshots(owned)
            await self._ask_for_trades(owned)
            owned.take_checkpoints(self.settings.checkpoint_interval_s, most=4)
            await self._store_checkpoints(owned)
        now = time.monotonic()
        if now - self._committed_s < _COMMIT_EVERY_S:
            return {}
        self._committed_s = now
        return self.commits()

    def commits(self) -> dict[TP, tuple[int, str]]:
        """What has changed since the last commit."""
        found = {tp: owned.commit() for tp, owned in self.owned.items()}
        return {tp: commit for tp, commit in found.items() if commit != self.owned[tp].committed}

    def committed(self, commits: Mapping[TP, tuple[int, str]]) -> None:
        """Note what Kafka has taken."""
        for tp, commit in commits.items():
            if tp in self.owned:
                self.owned[tp].committed = commit

    def own(self, assigned: Collection[TP]) -> None:
        """Forget partitions that belong to another worker now, and begin to read the checkpoints of new ones."""
        self.assigned = len(set(assigned))
        for tp in self.owned.keys() - set(assigned):
            del self.owned[tp]
        self._takeover.begin(assigned, known=self.owned.keys())

    async def finish(self, timeout_s: float) -> dict[TP, tuple[int, str]]:
        """Before leaving: store all events, then a checkpoint of every instrument; returns what is to be committed.

        Where Kafka has not taken the events in that time, it is not asked to take checkpoints besides.
        """
        self._takeover.stop()
        until_s = time.monotonic() + timeout_s
        if await self.output.all_stored(until_s):
            for owned in self.owned.values():
                owned.take_checkpoints(0.0, most=1_000_000)
                await self._store_checkpoints(owned)
            await self.output.all_stored(until_s)
        return self.commits()

    async def _open(self, tp: TP, offset: int) -> OwnedPartition | None:
        checkpoints = await self._takeover.checkpoints(tp)
        if checkpoints is None:
            return None
        raw = RawPartition(
            self._venues[tp.topic], tp.topic, tp.partition, offset, self._schema_ids, self.settings
        )
        raw.incarnation = self._incarnations[tp.topic]
        restored = restore(raw, checkpoints)
        _log.info(
            "partition opened",
            topic=tp.topic,
            partition=tp.partition,
            offset=offset,
            books_restored=restored,
        )
        self.counts["restored"] += restored
        owned = self.owned[tp] = OwnedPartition(raw)
        return owned

    async def _write(self, owned: OwnedPartition, work: Work) -> None:
        partition, events = owned.raw.partition, work.events
        letters = [
            (letter.record.key or b"", letter.record.value or b"", error_headers(owned.raw, letter))
            for letter in work.dead_letters
        ]
        outgoing = [
            *((topic, getattr(events, name)) for name, topic in self._event_topics),
            (dead_letters(owned.raw.topic).name, letters),
        ]
        stored = owned.deliveries.expect(work.position, sum(bool(records) for _, records in outgoing))
        for topic, records in outgoing:
            if records:
                await self.output.write(topic, partition, records, stored)
        self._count(work)

    def _count(self, work: Work) -> None:
        counts, events = self.counts, work.events
        counts["frames"] += work.records
        counts["repeated"] += work.repeated
        counts["silent"] += work.silent
        counts["covered"] += work.covered
        for name, _ in self._event_topics:
            counts[name] += len(getattr(events, name))
        counts["dead_letters"] += len(work.dead_letters)
        for letter in work.dead_letters[:3]:
            _log.warning("frame becomes a dead letter", offset=letter.record.offset, reason=letter.reason)

    async def _ask_for_snapshots(self, owned: OwnedPartition) -> None:
        """Only near the end of the log: further back the snapshot that healed the book then is still to come."""
        if owned.lag > _NEAR_END_BATCHES * self.settings.poll_records:
            return
        asked = [one for one in owned.raw.wanting() if self.requests.due(one)]
        for instrument in asked:
            record = self.requests.write(owned.raw.venue, instrument)
            _log.info(
                "snapshot is asked for",
                instrument=instrument.key.decode(),
                reason=instrument.book.synchronizer.reason,
            )
            await self.output.write(self._prefix + CONTROL_REQUESTS.name, -1, [record], lambda: None)

    async def _ask_for_trades(self, owned: OwnedPartition) -> None:
        """Only near the end of the log, as with snapshots: what filled a gap then is still to come."""
        if owned.lag > _NEAR_END_BATCHES * self.settings.poll_records:
            return
        asked = [
            (one, gap) for one in list(owned.raw.instruments.values()) for gap in self.backfills.due(one)
        ]
        for instrument, gap in asked:
            record = self.backfills.write(owned.raw.venue, instrument, gap)
            _log.info(
                "missing trades are asked for",
                instrument=instrument.key.decode(),
                gap=gap.gap,
                missed=gap.missed,
            )
            await self.output.write(self._prefix + CONTROL_REQUESTS.name, -1, [record], lambda: None)

    async def _store_checkpoints(self, owned: OwnedPartition) -> None:
        for key, value in owned.storable_checkpoints():
            instrument = owned.raw.instruments[key]
            record = (instrument.key, value, list[tuple[str, bytes]]())
            await self.output.write(
                self._prefix + CHECKPOINTS.name,
                owned.raw.partition,
                [record],
                self._checkpoint_stored(owned, key),
            )

    def _checkpoint_stored(self, owned: OwnedPartition, key: bytes) -> Any:
        def stored() -> None:
            owned.raw.covers(key)
            self.counts["checkpoints"] += 1

        return stored
