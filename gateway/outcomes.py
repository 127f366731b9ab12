"""Whether an instrument is collected as it was asked for. Pure: what is known goes in, how it stands comes out.

Nobody answers a record of ``control.subscriptions``. That an instrument is collected shows in its frames; that it is collected no
longer in what the producers say of themselves, where they can be asked, else in frames that do not come any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.subscriptions import Desired

__all__ = ["Outcome", "Producers", "State", "judge"]

State = Literal["collected", "stopped", "pending"]

_LATELY_US = 300_000_000
"""An instrument of which nothing came for so long is not known to be collected."""
_QUIET_US = 2_000_000
"""One that is off and of which nothing came for so long is stopped."""


@dataclass(frozen=True)
class Producers:
    """What is known of the producers that share: who has which partition of the topic; ``collected``: what those that can be asked
    collect, None where none can; ``refused``: why something cannot be, by key."""

    by_partition: Mapping[int, str]
    collected: frozenset[str] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a desired state stands: ``why`` it is not reached; ``collector``: the producer that collects it, or shall."""

    desired: Desired
    state: State
    collector: str | None = None
    why: str | None = None


def judge(
    desired: Desired, partition: int | None, heard_us: int, producers: Producers, now_us: int
) -> Outcome:
    """``partition``: where its record stands, None while that is not known; ``heard_us``: when the last frame of it was received."""
    collector = None if partition is None else producers.by_partition.get(partition)
    if desired.on:
        return _begun(desired, collector, heard_us, producers, now_us)
    if producers.collected is not None:
        going_on = desired.key in producers.collected
        why = "A producer still collects it." if going_on else None
    else:
        going_on = now_us - max(heard_us, desired.asked_micros) < _QUIET_US and bool(producers.by_partition)
        why = "Frames of it have come until now." if going_on else None
    return Outcome(desired, "pending" if going_on else "stopped", None, why)


def _begun(
    desired: Desired, collector: str | None, heard_us: int, producers: Producers, now_us: int
) -> Outcome:
    if heard_us >= desired.asked_micros and now_us - heard_us < _LATELY_US:
        return Outcome(desired, "collected", collector)
    if refused := producers.refused.get(desired.key):
        why = refused
    elif not producers.by_partition:
        why = "No producer that shares instruments runs; the next one to start will collect it."
    elif heard_us:
        why = "Nothing of it has come lately."
    else:
        why = "Nothing of it has come yet."
    return Outcome(desired, "pending", collector, why)
