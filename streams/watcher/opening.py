"""What a partition is watched with when it comes to a watcher: its input and what rules know of silence, as they stood when last stored."""

from __future__ import annotations

import time
from collections.abc import Mapping

from faust.types import TP

from bookmill.settings import Settings
from schemas.catalogue import ALERTS, BOOK_SNAPSHOTS, GAPS, SPREADS, TOPS, Topic
from streams.watcher.consolidation import Consolidation
from streams.watcher.inputs import AlertInput, Input, JudgedInput, Tools, TopsInput, identity_of
from streams.watcher.judging import Judge
from streams.watcher.restoring import Restored
from streams.watcher.rules import Rules
from streams.watcher.silence import CLOCK, Silence
from streams.watcher.tops import TopKeeper

__all__ = ["Opening"]

_SPEAK_OF_TOPS = frozenset({SPREADS, BOOK_SNAPSHOTS, GAPS})


class Opening:
    """``incarnations``: Kafka's ids of the topics that rules are held against, by full name: what was known of another one is no use."""

    def __init__(self, settings: Settings, tools: Tools, incarnations: Mapping[str, str]) -> None:
        self._settings = settings
        self._tools = tools
        self._incarnations = incarnations
        self._stale_micros = int(settings.watcher.stale_after_s * 1e6)
        self._keepers: dict[int, TopKeeper] = {}
        """By partition: the topics that speak of tops share one."""

    def input(self, tp: TP, topic: Topic, found: Restored, rules: Rules) -> Input:
        """What the partition ``tp`` of ``topic`` is read with, standing where ``found`` says."""
        offset, metadata = found.committed[tp]
        offset = min(offset, found.ends[tp])  # a topic that was made anew ends before
        if topic is TOPS:
            return TopsInput(self._tools, tp.partition, offset, self._consolidation(tp, found))
        if topic is ALERTS:
            return AlertInput(self._tools, tp.partition, offset, metadata)
        judge = Judge(
            topic.name,
            most_states=self._settings.watcher.max_states,
            incarnation=self._incarnations.get(tp.topic, ""),
        )
        packed = found.packed.get((tp.partition, tp.topic))
        if packed is not None and packed.position >= offset:
            judge.restore(packed)
            offset = packed.position
        judge.use(rules.by_topic.get(topic.name, ()))
        keeper = self._keeper(tp.partition) if topic in _SPEAK_OF_TOPS else None
        return JudgedInput(self._tools, topic, tp.partition, offset, judge, keeper)

    def silence(self, partition: int, found: Restored, rules: Rules) -> Silence:
        """What is known of feeds that do not come."""
        source = self._tools.prefix + CLOCK
        silence = Silence(source, partition, most_states=self._settings.watcher.max_states)
        packed = found.packed.get((partition, source))
        if packed is not None:
            silence.restore(packed)
        silence.use(rules.by_topic.get(None, ()))
        return silence

    def forget(self, partition: int) -> None:
        """The partition of all event topics has gone to another watcher."""
        self._keepers.pop(partition, None)

    def _consolidation(self, tp: TP, found: Restored) -> Consolidation:
        consolidation = Consolidation(stale_micros=self._stale_micros)
        now_s = time.monotonic()
        for record in found.tops[tp]:
            value, key = record.value(), record.key()
            top = None if value is None else self._tools.read(TOPS, value)
            if isinstance(key, bytes) and (top is not None or value is None):
                consolidation.restore(key, top, identity_of(record.headers()), now_s)
        consolidation.restored()
        return consolidation

    def _keeper(self, partition: int) -> TopKeeper:
        keeper = self._keepers.get(partition)
        if keeper is None:
            keeper = self._keepers[partition] = TopKeeper(
                self._tools.schema_ids[TOPS],
                partitions=self._settings.kafka.partitions,
                stale_micros=self._stale_micros,
            )
        return keeper
