"""Rules held against the events of one partition of one topic, one state for each rule and instrument.

All that is known stands at one offset and is stored so (:meth:`Judge.pack`): whoever takes the partition over goes on from there, and
makes the same alerts with the same ids again. Deterministic: no clock, no I/O.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from schemas.catalogue import CONSOLIDATED
from schemas.fields import Event
from schemas.watcher_events import AlertEvent
from streams.watcher.conditions import observe
from streams.watcher.states import Finding, State, Watched, new_state

__all__ = ["Judge", "Packed", "Raised", "StoredState", "names_of", "unpack"]

_VERSION = 1
_FORGOTTEN_MS = 2 * 86_400_000
"""Twice the longest silence that a rule can be about."""


class Raised(NamedTuple):
    """An alert and the offset of the record that raised it; ``number``: which of that record's alerts."""

    event: AlertEvent
    offset: int
    number: int


class StoredState(msgspec.Struct, array_like=True):
    """The state of one rule (id and version) for one instrument, by the key of its records."""

    rule: str
    since_micros: int
    key: str
    state: State


class Packed(msgspec.Struct, array_like=True):
    """What is known at ``position`` of one ``incarnation`` of a topic (Kafka's own id of it)."""

    version: int
    incarnation: str
    position: int
    seen: dict[str, int]
    states: list[StoredState]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Packed).decode


def unpack(value: bytes) -> Packed:
    """A stored record; raises ValueError for what is none of this version."""
    try:
        packed = _decode(zlib.decompress(value))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"it is none: {error}") from error
    if packed.version != _VERSION:
        raise ValueError(f"it is of version {packed.version}, this is {_VERSION}")
    return packed


class Judge:
    """One partition of one topic. ``topic`` without prefix; ``most_states``: one more pair of rule and instrument is left out, and counted."""

    def __init__(self, topic: str, *, most_states: int, incarnation: str = "") -> None:
        self.topic = topic
        self.seen: dict[str, int] = {}
        """When the last record of each instrument was stored by Kafka, ms since the epoch."""
        self.states: dict[tuple[tuple[str, int], str], State] = {}
        self.counts: Counter[str] = Counter()
        self._most = most_states
        self.incarnation = incarnation
        self._rules: tuple[Watched, ...] = ()
        self._of_key: dict[str, list[tuple[Watched, State]]] = {}

    def use(self, rules: tuple[Watched, ...]) -> None:
        """From now on these; what is known for one that is gone or was changed is forgotten."""
        self._rules = rules
        self._of_key.clear()
        names = {each.name for each in rules}
        self.states = {place: state for place, state in self.states.items() if place[0] in names}

    def take(
        self, key: str, stored_ms: int, offset: int, identity: str, decode: Callable[[], Event | None]
    ) -> list[Raised]:
        """The next record; ``decode`` is called where a rule is about it. ``identity``: its event id."""
        self.seen[key] = stored_ms
        found = self._of_key.get(key)
        if found is None:
            found = self._find(key)
        if not found:
            return []
        event = decode()
        if event is None:
            return []
        raised: list[Raised] = []
        for one, state in found:
            if one.since_micros > stored_ms * 1000:
                continue  # it was made after this was stored
            for finding in observe(one, state, event):
                alert = self.alert(one, key, finding, identity, event["receive_time"])
                if alert is not None:
                    raised.append(Raised(alert, offset, len(raised)))
        return raised

    def alert(
        self, one: Watched, key: str, finding: Finding, trigger: str, at_micros: int
    ) -> AlertEvent | None:
        """The alert that a finding makes; None where the rule pauses."""
        self.counts[finding.move] += 1
        if finding.move == "suppressed":
            return None
        names, rule = names_of(self.topic, key), one.rule
        return AlertEvent(
            *names,
            trigger,
            rule.id,
            rule.title,
            rule.condition.kind,
            finding.move,
            finding.direction,
            finding.value,
            finding.threshold,
            f"{'.'.join(names)}: {finding.words}.",
            rule.dashboard,
            at_micros,
        )

    def _find(self, key: str) -> list[tuple[Watched, State]]:
        found: list[tuple[Watched, State]] = []
        exchange, market, symbol = names_of(self.topic, key)
        for one in self._rules:
            if one.rule.is_about(exchange, market, symbol):
                state = self.state(one, key)
                if state is not None:
                    found.append((one, state))
        self._of_key[key] = found
        return found

    def state(self, one: Watched, key: str) -> State | None:
        """Of a rule for an instrument; None where there are too many of them."""
        state = self.states.get((one.name, key))
        if state is None:
            if len(self.states) >= self._most:
                self.counts["left_out"] += 1
                return None
            state = self.states[one.name, key] = new_state(one.rule)
        return state

    def pack(self, position: int) -> bytes:
        """What is known, to be stored; instruments of which nothing came for two days are none any more."""
        oldest_ms = max(self.seen.values(), default=0) - _FORGOTTEN_MS
        self.seen = {key: at_ms for key, at_ms in self.seen.items() if at_ms >= oldest_ms}
        states = [StoredState(*name, key, state) for (name, key), state in self.states.items()]
        packed = Packed(_VERSION, self.incarnation, position, self.seen, states)
        return zlib.compress(_encode(packed), 1)

    def restore(self, packed: Packed) -> None:
        """Go on from there; what belongs to no rule of now is dropped at the next :meth:`use`."""
        self.seen = packed.seen
        self.states = {((each.rule, each.since_micros), each.key): each.state for each in packed.states}


def names_of(topic: str, key: str) -> tuple[str, str, str]:
    """Exchange, market and symbol as rules and alerts name them, of a record's key."""
    if topic == CONSOLIDATED.name:
        kind, _, symbol = key.partition(".")
        return CONSOLIDATED.name, kind, symbol
    exchange, market, symbol = (*key.split(".", 2), "", "")[:3]
    return exchange, market, symbol
