"""What does not come: rules of ``feed_stale`` held against when the last record of each instrument was stored.

Records carry the time at which Kafka stored them, so that a recording of past years that is played now is no silent feed. What is
found depends on the clock only in when it is found: an alert's time and id are those of the moment that was too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bookmill.decimals import scaled
from schemas.alert_rules import FeedStale
from schemas.catalogue import BOOK_SNAPSHOTS, SPREADS, TRADES
from schemas.codec import UNIT
from schemas.event_id import event_id
from streams.watcher.judging import Judge, Packed, Raised, names_of
from streams.watcher.states import Finding, Level, Watched, move_gate

__all__ = ["CLOCK", "FEEDS", "Silence"]

CLOCK = "clock"
"""The topic that alerts name as their source when nothing came."""

FEEDS: dict[str, tuple[str, ...]] = {
    "trades": (TRADES.name,),
    "prices": (SPREADS.name, BOOK_SNAPSHOTS.name),
    "any": (TRADES.name, SPREADS.name, BOOK_SNAPSHOTS.name),
}
"""Topics by what a rule calls them."""


class Silence:
    """One partition of the event topics. ``source``: CLOCK with the installation's prefix.

    Alerts are numbered by microseconds, so that their ids grow whoever has the partition.
    """

    def __init__(self, source: str, partition: int, *, most_states: int) -> None:
        self.judge = Judge(CLOCK, most_states=most_states)
        self.next_id = 0
        self._source = source
        self._partition = partition
        self._rules: tuple[Watched, ...] = ()

    def use(self, rules: tuple[Watched, ...]) -> None:
        """From now on these."""
        self._rules = rules
        self.judge.use(rules)

    def restore(self, packed: Packed) -> None:
        """Go on from there."""
        self.judge.restore(packed)
        self.next_id = packed.position

    def look(self, now_ms: int, seen: Mapping[str, Mapping[str, int]]) -> list[Raised]:
        """What has begun or ended by ``now_ms``. ``seen``: by topic and instrument, when the last record was stored."""
        found = [
            (at_ms, one, key, finding)
            for one in self._rules
            if isinstance(one.rule.condition, FeedStale)
            for at_ms, key, finding in self._look(one, one.rule.condition, now_ms, seen)
        ]
        raised: list[Raised] = []
        for at_ms, one, key, finding in sorted(found, key=lambda each: (each[0], each[1].name, each[2])):
            number = max(at_ms * 1000, self.next_id)
            trigger = event_id(self._source, self._partition, number, 0)
            alert = self.judge.alert(one, key, finding, trigger, at_ms * 1000)
            if alert is not None:
                self.next_id = number + 1
                raised.append(Raised(alert, number, 0))
        return raised

    def _look(
        self, one: Watched, condition: FeedStale, now_ms: int, seen: Mapping[str, Mapping[str, int]]
    ) -> Iterator[tuple[int, str, Finding]]:
        last_ms: dict[str, int] = {}
        for topic in FEEDS[condition.feed]:
            for key, at_ms in seen.get(topic, {}).items():
                last_ms[key] = max(at_ms, last_ms.get(key, 0))
        threshold = scaled(condition.seconds)
        patience_ms = -(-threshold * 1000 // UNIT)
        for key, heard_ms in last_ms.items():
            if not one.rule.is_about(*names_of(CLOCK, key)):
                continue
            due_ms = max(heard_ms + patience_ms, one.since_micros // 1000)
            over = now_ms >= due_ms
            state = self.judge.state(one, key)
            if not isinstance(state, Level) or (not over and state.gate.phase == "idle"):
                continue
            at_ms = due_ms if over else heard_ms
            move = move_gate(one, state.gate, state, over=over, back=not over, at_micros=at_ms * 1000)
            if move:
                what = {"any": "nothing", "trades": "no trade", "prices": "no price"}[condition.feed]
                words = (
                    f"{what} has come for {condition.seconds.normalize():f} s" if over else "data come again"
                )
                yield at_ms, key, Finding(move, None, threshold if over else None, threshold, words)
