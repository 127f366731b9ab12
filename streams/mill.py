"""The worker's heart: batches of raw records in, events to Kafka, checkpoints, requests, and what may be committed.

Independent of Faust, which only hands it batches (:meth:`Mill.process`) and time (:meth:`Mill.tick`).
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from faust.types import TP

from bookmill.settings import WorkerSettings
from schemas.catalogue import CHECKPOINTS, CONTROL_REQUESTS, EVENT_TOPICS, Topic, dead_letters
from streams.backfills import BackfillRequests
from streams.checkpoints import pack, read_checkpoints, restore
from streams.dead_letters import error_headers
from streams.output import Deliveries, Output
from streams.partition import RawPartition, RawRecord, Work
from streams.requests import ResyncRequests
from venues.interface import Venue

__all__ = ["Mill", "OwnedPartition"]

_log = structlog.get_logger(__name__)
_COMMIT_EVERY_S = 1.0
_NEAR_END_BATCHES = 5


class OwnedPartition:
    """A raw partition this worker has been given, and how far its output is stored."""

    def __init__(self, raw: RawPartition) -> None:
        self.raw = raw
        self.deliveries = Deliveries(raw.position)
        self.highwater = raw.position
        self.committed: tuple[int, str] = (-1, "")
        self._checkpointed_s: dict[bytes, float] = {}
        self._waiting: list[tuple[bytes, int, bytes]] = []
        """Checkpoints taken, (instrument, position, value), that wait for the events they contain to be stored."""

    @property
    def lag(self) -> int:
        """Raw records not yet processed."""
        return max(0, self.highwater - self.raw.position)

    def commit(self) -> tuple[int, str]:
        """Offset and metadata to commit: covered by checkpoints and stored events; ``processed`` says how far events are stored."""
        stored = self.deliveries.position
        return min(self.raw.safe_position, stored), json.dumps({"processed": stored})

    def take_checkpoints(self, interval_s: float, *, most: int) -> None:
        """Pack up to ``most`` instruments whose last checkpoint is older than the interval; each has its own turn in it."""
        now = time.monotonic()
        for key in list(self.raw.needed):
            turn = self._checkpointed_s.setdefault(key, now - zlib.crc32(key) % 1000 / 1000 * interval_s)
            instrument = self.raw.instruments[key]
            if (
                now - turn < interval_s
                or instrument.last_offset < instrument.checkpointed_at
                or instrument.overlap.ahead
                or key in self.raw.covering
            ):
                continue
            self._checkpointed_s[key] = now
            self._waiting.append((key, self.raw.position, pack(self.raw, instrument)))
            self.raw.covering[key] = (self.raw.position, self.raw.first_needed(instrument))
            most -= 1
            if not most:
                return

    def storable_checkpoints(self) -> list[tuple[bytes, bytes]]:
        """Instrument and value of the checkpoints whose events are all stored."""
        ready = [
            (key, value) for key, position, value in self._waiting if position <= self.deliveries.position
        ]
        self._waiting = [item for item in self._waiting if item[1] > self.deliveries.position]
        return ready


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
        self._event_topics = [(topic.name, prefix + topic.name) for topic in EVENT_TOPICS]
        self._venues = venues
        self._incarnations = incarnations
        self._schema_ids = schema_ids
        self.output = output
        self._client_config = client_config
        self.requests = ResyncRequests(schema_ids[CONTROL_REQUESTS], settings.resync_retry_s)
        self.backfills = BackfillRequests(
            schema_ids[CONTROL_REQUESTS], settings.backfill_retry_s, settings.backfill_attempts
        )
        self._committed_s = 0.0

    async def process(self, tp: TP, records: Sequence[RawRecord], highwater: int) -> None:
        """Process one batch of a partition and write what it gives."""
        owned = self.owned.get(tp)
        if owned is None or owned.raw.position < records[0].offset:
            owned = await self._open(tp, records[0].offset, highwater)
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

    def keep_only(self, assigned: Collection[TP]) -> None:
        """Forget partitions that belong to another worker now."""
        self.assigned = len(set(assigned))
        for tp in self.owned.keys() - set(assigned):
            del self.owned[tp]

    async def finish(self, timeout_s: float) -> dict[TP, tuple[int, str]]:
        """Before leaving: store all events, then a checkpoint of every instrument; returns what is to be committed."""
        await asyncio.to_thread(self.output.flush, timeout_s)
        self.output.poll()
        for owned in self.owned.values():
            owned.take_checkpoints(0.0, most=1_000_000)
            await self._store_checkpoints(owned)
        await asyncio.to_thread(self.output.flush, timeout_s)
        self.output.poll()
        return self.commits()

    async def _open(self, tp: TP, offset: int, highwater: int) -> OwnedPartition:
        venue = self._venues[tp.topic]
        raw = RawPartition(venue, tp.topic, tp.partition, offset, self._schema_ids, self.settings)
        raw.incarnation = self._incarnations[tp.topic]
        found = await asyncio.to_thread(
            read_checkpoints,
            self._client_config,
            self._prefix + CHECKPOINTS.name,
            tp.partition,
            raw,
            highwater,
        )
        restored = restore(raw, found.checkpoints)
        _log.info(
            "partition opened",
            topic=tp.topic,
            partition=tp.partition,
            offset=offset,
            books_restored=restored,
            checkpoints_refused=found.refused,
        )
        self.counts["restored"] += restored
        self.counts["checkpoints_refused"] += found.refused
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
            _log.warning(
                "frame becomes a dead letter", offset=letter.record.offset, reason=str(letter.reason)
            )

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
                reason=instrument.synchronizer.reason,
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
