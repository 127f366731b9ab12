"""What a watcher keeps of each partition it owns: how far it is, what may be committed, the state that stands there, and what its records give."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from bookmill.errors import FrameError
from schemas.catalogue import ALERTS, CONSOLIDATED, TOPS, Topic
from schemas.decoding import Decoder
from schemas.event_id import HEADER, event_id, is_new, source_of
from schemas.fields import Event
from schemas.watcher_events import Source, alert_value, consolidated_value
from streams.emitter import OutgoingEvent
from streams.output import Deliveries
from streams.watcher.consolidation import Consolidated, Consolidation
from streams.watcher.judging import Judge, Raised
from streams.watcher.rules import Rules
from streams.watcher.tops import TopKeeper
from streams.watcher.webhook import alert_body

__all__ = [
    "AlertInput",
    "Checkpoint",
    "Input",
    "JudgedInput",
    "Outgoing",
    "Record",
    "Tools",
    "TopsInput",
    "identity_of",
]


class Record(Protocol):
    """A record of Kafka as the batch transport hands it over. ``timestamp``: when Kafka stored it, ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """Records for one partition of a topic, prefix included."""

    topic: str
    partition: int
    records: Sequence[OutgoingEvent | tuple[bytes, None, list[tuple[str, bytes]]]]


@dataclass
class Tools:
    """What all partitions are processed with. ``prefix``: of the installation's topics; ``counts``: what was done."""

    prefix: str
    schema_ids: Mapping[Topic, int]
    decoder: Decoder
    counts: Counter[str] = field(default_factory=Counter)

    def read(self, topic: Topic, value: bytes | None) -> Event | None:
        """A value; None, and counted, where it cannot be read: the sink makes a dead letter of it."""
        try:
            return self.decoder.decode(topic, value or b"")
        except FrameError:
            self.counts["unreadable"] += 1
            return None

    def alert(self, topic: str, partition: int, raised: Raised) -> OutgoingEvent:
        """The record of an alert that a record of ``topic`` (with prefix) raised."""
        source = Source(topic, partition, raised.offset, raised.number)
        value = alert_value(self.schema_ids[ALERTS], raised.event, source)
        self.counts["alerts_raised"] += 1
        return raised.event.rule.encode(), value, [(HEADER, event_id(*source).encode())]


class Input:
    """One partition of any topic. ``position``: the next offset to be processed."""

    def __init__(self, tools: Tools, topic: Topic, partition: int, position: int) -> None:
        self.topic = topic
        self.partition = partition
        self.position = position
        self.highwater = position
        self.deliveries = Deliveries(position)
        self.committed: tuple[int, str] | None = None
        self._tools = tools

    @property
    def lag(self) -> int:
        """Records that are there and not processed."""
        return max(0, self.highwater - self.position)

    def new(self, records: Sequence[Record], highwater: int) -> Sequence[Record]:
        """Those that have not been processed: what is fetched again after a rebalance has been."""
        fresh = [record for record in records if record.offset >= self.position]
        self._tools.counts[self.topic.name] += len(fresh)
        if fresh:
            self.position = fresh[-1].offset + 1
        self.highwater = max(highwater, self.position)
        return fresh

    def commit(self) -> tuple[int, str]:
        """Offset and text that may be committed."""
        return self.deliveries.position, ""


class TopsInput(Input):
    """A partition of ``tops``: all its records are its state, so there is nothing else to store."""

    def __init__(self, tools: Tools, partition: int, position: int, consolidation: Consolidation) -> None:
        super().__init__(tools, TOPS, partition, position)
        self.consolidation = consolidation

    def process(self, records: Sequence[Record], now_s: float) -> list[Outgoing]:
        """What changes."""
        events: list[OutgoingEvent] = []
        for record in records:
            top = None
            if record.value is not None and (top := self._tools.read(TOPS, record.value)) is None:
                continue
            said = self.consolidation.take(record.key or b"", top, identity_of(record.headers), now_s)
            if said is not None:
                events.append(self._event(said, record.offset))
        return [Outgoing(self._tools.prefix + CONSOLIDATED.name, self.partition, events)] if events else []

    def silent(self, now_s: float) -> list[Outgoing]:
        """The records that say which tops were not heard of for too long."""
        records: list[tuple[bytes, None, list[tuple[str, bytes]]]] = [
            (each.key, None, [(HEADER, each.identity)]) for each in self.consolidation.silent(now_s)
        ]
        self._tools.counts["withdrawn"] += len(records)
        return [Outgoing(self._tools.prefix + TOPS.name, self.partition, records)] if records else []

    def _event(self, said: Consolidated, offset: int) -> OutgoingEvent:
        tools = self._tools
        source = Source(tools.prefix + TOPS.name, self.partition, offset, 0)
        tools.counts["consolidated_events"] += 1
        value = consolidated_value(tools.schema_ids[CONSOLIDATED], *said, source)
        return f"{said.kind}.{said.symbol}".encode(), value, [(HEADER, event_id(*source).encode())]


class Checkpoint(NamedTuple):
    """What was known at ``position``."""

    position: int
    value: bytes


class JudgedInput(Input):
    """A partition of a topic that rules are held against: it is committed up to its newest stored checkpoint.

    ``keeper``: of the tops of the partition, where the topic says something of them.
    """

    def __init__(
        self,
        tools: Tools,
        topic: Topic,
        partition: int,
        position: int,
        judge: Judge,
        keeper: TopKeeper | None,
    ) -> None:
        super().__init__(tools, topic, partition, position)
        self.judge = judge
        self.checkpointed = position
        self._keeper = keeper
        self._taken_s = time.monotonic()
        self._checkpoint: Checkpoint | None = None
        """Taken, and waiting for the alerts before it to be stored."""

    def process(self, records: Sequence[Record]) -> list[Outgoing]:
        """Tops that changed, and alerts."""
        tools, topic = self._tools, self.topic
        tops: dict[int, list[OutgoingEvent]] = {}
        alerts: list[OutgoingEvent] = []
        for record in records:
            decode: Callable[[], Event | None] = partial(tools.read, topic, record.value)
            if self._keeper is not None:
                event = decode()
                if event is None:
                    continue
                decode = partial(_as_it_is, event)
                said = self._keeper.take(topic.name, event)
                if said is not None:
                    tops.setdefault(said.partition, []).append((said.key, said.value, said.headers))
            key = (record.key or b"").decode("utf-8", "replace")
            identity = identity_of(record.headers).decode("ascii", "replace")
            raised = self.judge.take(key, record.timestamp, record.offset, identity, decode)
            alerts += [tools.alert(tools.prefix + topic.name, self.partition, each) for each in raised]
        tools.counts["tops_written"] += sum(map(len, tops.values()))
        found = [Outgoing(tools.prefix + TOPS.name, number, each) for number, each in tops.items()]
        if alerts:
            found.append(Outgoing(tools.prefix + ALERTS.name, self.partition, alerts))
        return found

    def take_checkpoint(self, interval_s: float) -> None:
        """Take one where it is time for it and there is something new."""
        now_s = time.monotonic()
        if (
            self._checkpoint is None
            and now_s - self._taken_s >= interval_s
            and self.position > self.checkpointed
        ):
            self._checkpoint = Checkpoint(self.position, self.judge.pack(self.position))
            self._taken_s = now_s

    def storable_checkpoint(self) -> Checkpoint | None:
        """The one that may be stored now; it is given out once."""
        found = self._checkpoint
        if found is None or self.deliveries.position < found.position:
            return None
        self._checkpoint = None
        return found

    def commit(self) -> tuple[int, str]:
        """Offset of the newest stored checkpoint."""
        return self.checkpointed, ""


class AlertInput(Input):
    """A partition of ``alerts``: beside the offset stands which event ids were reached, so that no repeated alert is posted."""

    def __init__(self, tools: Tools, partition: int, position: int, metadata: str) -> None:
        super().__init__(tools, ALERTS, partition, position)
        self._marks = _read(metadata)
        self._texts: deque[tuple[int, str]] = deque([(position, metadata)])

    def process(self, records: Sequence[Record], rules: Rules) -> list[tuple[str, str, str, bytes]]:
        """Rule, alert, address and body of what is to be posted."""
        found: list[tuple[str, str, str, bytes]] = []
        for record in records:
            if not is_new(identity_of(record.headers), self._marks):
                continue
            event = self._tools.read(ALERTS, record.value)
            rule = rules.all.get(event["rule"]) if event else None
            if event is None or rule is None or rule.webhook is None:
                continue
            if event["state"] == "fired" or rule.cleared:
                found.append((rule.id, event["alert"], rule.webhook, alert_body(event)))
        marks = [mark.decode() for mark in self._marks.values()]
        self._texts.append((self.position, json.dumps(marks, separators=(",", ":"))))
        return found

    def commit(self) -> tuple[int, str]:
        """The offset up to which every webhook is done with, and the marks of there."""
        while len(self._texts) > 1 and self._texts[1][0] <= self.deliveries.position:
            self._texts.popleft()
        return self._texts[0]


def identity_of(headers: Any) -> bytes:
    """The event id among a record's headers (pairs); empty where there is none."""
    for name, value in headers or ():
        if name == HEADER and isinstance(value, bytes):
            return value
    return b""


def _as_it_is(event: Event) -> Event:
    return event


def _read(metadata: str) -> dict[bytes, bytes]:
    """Marks by source; none where the text was not written here."""
    try:
        marks = [each.encode("ascii") for each in json.loads(metadata.rstrip("\0") or "[]")]
    except (ValueError, AttributeError, TypeError):
        return {}
    return {source_of(mark): mark for mark in marks}
