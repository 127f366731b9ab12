"""What a watcher keeps of one rule and one instrument, and how a finding comes of it.

States are what a watcher stores, so that whoever comes after it goes on where it was. Numbers are ints scaled by 10**18.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from bookmill.decimals import scaled
from schemas.alert_rules import (
    AlertRule,
    ChangePercent,
    CrossVenue,
    FeedStale,
    GapOpened,
    PriceCrosses,
    SpreadBpsOver,
    VolumeSpike,
)
from schemas.alert_store import StoredRule
from schemas.catalogue import CONSOLIDATED, GAPS, SPREADS, TRADES
from schemas.codec import UNIT
from streams.watcher.gate import Gate, Move
from streams.watcher.windows import Extremes, Volumes

__all__ = [
    "Change",
    "Crossing",
    "Finding",
    "Level",
    "Open",
    "Spike",
    "State",
    "Watched",
    "move_gate",
    "new_state",
    "topic_of",
    "watched",
]


class Finding(NamedTuple):
    """Something has begun or ended (or would have been said, were it not for the pause)."""

    move: Move
    direction: str | None
    value: int | None
    threshold: int | None
    words: str


@dataclass(frozen=True)
class Watched:
    """A rule with its numbers as scaled ints. ``since_micros``: what was stored before is not held against it."""

    rule: AlertRule
    since_micros: int
    hysteresis: int
    pause_micros: int

    @property
    def name(self) -> tuple[str, int]:
        """Which rule, in which version: another version's states are no use to it."""
        return self.rule.id, self.since_micros


def watched(stored: StoredRule) -> Watched:
    """A stored rule, ready to be held against events."""
    rule = stored.rule
    return Watched(
        rule, stored.changed_micros, scaled(rule.hysteresis), scaled(rule.cooldown_s * 1_000_000) // UNIT
    )


class Crossing(msgspec.Struct, array_like=True, tag="crossing"):
    """Of ``price_crosses``: one gate a direction."""

    up: Gate | None = None
    down: Gate | None = None
    told_micros: int | None = None


class Change(msgspec.Struct, array_like=True, tag="change"):
    """Of ``change_percent``."""

    up: Gate = msgspec.field(default_factory=Gate)
    down: Gate = msgspec.field(default_factory=Gate)
    extremes: Extremes = msgspec.field(default_factory=Extremes)
    told_micros: int | None = None


class Level(msgspec.Struct, array_like=True, tag="level"):
    """Of ``spread_bps_over``, ``cross_venue`` and ``feed_stale``: nothing but the gate."""

    gate: Gate = msgspec.field(default_factory=Gate)
    told_micros: int | None = None


class Spike(msgspec.Struct, array_like=True, tag="spike"):
    """Of ``volume_spike``."""

    gate: Gate = msgspec.field(default_factory=Gate)
    volumes: Volumes = msgspec.field(default_factory=Volumes)
    told_micros: int | None = None


class Open(msgspec.Struct, array_like=True, tag="open"):
    """Of ``gap_opened``: the gaps that are open."""

    gate: Gate = msgspec.field(default_factory=Gate)
    gaps: list[str] = msgspec.field(default_factory=list)
    told_micros: int | None = None


State = Crossing | Change | Level | Spike | Open


def topic_of(rule: AlertRule) -> str | None:
    """Of which topic's events a rule speaks; None where it is about what does not come."""
    match rule.condition:
        case PriceCrosses(price=price) | ChangePercent(price=price):
            return TRADES.name if price == "trade" else SPREADS.name
        case VolumeSpike():
            return TRADES.name
        case SpreadBpsOver():
            return SPREADS.name
        case GapOpened():
            return GAPS.name
        case CrossVenue():
            return CONSOLIDATED.name
        case FeedStale():
            return None


def new_state(rule: AlertRule) -> State:
    """What is known before the first event."""
    match rule.condition:
        case PriceCrosses():
            return Crossing()
        case ChangePercent():
            return Change()
        case VolumeSpike():
            return Spike()
        case GapOpened():
            return Open()
        case SpreadBpsOver() | CrossVenue() | FeedStale():
            return Level()


def move_gate(
    one: Watched,
    gate: Gate,
    state: State,
    *,
    over: bool,
    back: bool,
    at_micros: int,
) -> Move | None:
    """Move a gate of a state, with the rule's pause."""
    move = gate.move(
        over=over,
        back=back,
        now_micros=at_micros,
        told_micros=state.told_micros,
        pause_micros=one.pause_micros,
    )
    if move == "fired":
        state.told_micros = at_micros
    return move
