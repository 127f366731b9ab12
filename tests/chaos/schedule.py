"""What goes wrong when: a list of faults made from a seed. Data alone: the same seed is the same list, and a list can be read.

A fault has a target, and no target has two at a time: a broker that is being restarted is not killed meanwhile. Faults that last
say how long; all are over when the schedule's time is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ALONE", "MARKETS", "NAMES", "SHARED", "SINKS", "WORKERS", "Step", "producers", "schedule", "text"]

MARKETS: Mapping[str, int] = {
    "binance.spot": 2,
    "binance.usdm": 2,
    "okx.swap": 2,
    "kraken.spot": 2,
    "deribit.swap": 2,
}
"""The markets that are simulated, and how many instruments of each."""

ALONE = ("producer-1",)
SHARED = ("producer-1", "producer-2")
WORKERS = ("worker-1", "worker-2")
SINKS = ("sink-1", "sink-2")

_PAUSE_S = (0.3, 3.0)
"""Between the beginnings of two faults."""


def producers(seed: int) -> Sequence[str]:
    """Odd seeds have producers that share the instruments, even ones a producer that collects all."""
    return SHARED if seed % 2 else ALONE


@dataclass(frozen=True)
class Step:
    """One fault: when it begins (seconds after the beginning), its name, what it is told."""

    moment_s: float
    fault: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.moment_s:6.1f} s  {self.fault} {told}".rstrip()


@dataclass(frozen=True)
class _Kind:
    """A kind of fault: how often it is drawn, whom it hits, what it is told, and how long the target is then left alone."""

    weight: int
    target: Callable[[random.Random], str]
    arguments: Callable[[random.Random, str], dict[str, Any]]
    busy_s: float
    ours: bool = False
    """It ends a process of bookmill."""
    shared: bool = False
    """It is done where producers share the instruments only."""


def _one_of(names: Sequence[str]) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(names)


def _seconds(chance: random.Random, least: float, most: float) -> float:
    return round(chance.uniform(least, most), 1)


def _part(least_s: float, most_s: float) -> Callable[[random.Random, str], dict[str, Any]]:
    return lambda chance, part: {"part": part, "seconds": _seconds(chance, least_s, most_s)}


def _lasting(least_s: float, most_s: float) -> Callable[[random.Random, str], dict[str, Any]]:
    return lambda chance, _: {"seconds": _seconds(chance, least_s, most_s)}


def _market(chance: random.Random, market: str) -> dict[str, Any]:
    return {"market": market}


def _disturbance(chance: random.Random, market: str) -> dict[str, Any]:
    stream = chance.choice(("book", "trades"))
    known = ["drop", "duplicate", "corrupt", "reorder"]
    if (market, stream) == ("kraken.spot", "book"):
        # Nothing in its frames tells that one is missing or late, as long as the ten best levels are right: TCP does.
        known = ["duplicate", "corrupt"]
    return {
        "market": market,
        "which": chance.randrange(MARKETS[market]),
        "stream": stream,
        "what": chance.choice(known),
        "count": chance.randint(1, 3),
    }


def _snapshots(chance: random.Random, market: str) -> dict[str, Any]:
    what = chance.choice(
        (
            {"what": "refuse", "status": 429, "count": 1},
            {"what": "refuse", "status": 503, "count": 2},
            {"what": "stale", "count": 2},
            {"what": "empty", "count": 1},
            {"what": "delay", "delay_s": 1.5, "count": 2},
        )
    )
    return {"market": market, **what}


def _clock(chance: random.Random, market: str) -> dict[str, Any]:
    ahead_s = chance.choice((-3600, -90, -2, 2, 90, 3600))
    return {"market": market, "ahead_s": ahead_s, "seconds": _seconds(chance, 1.0, 8.0)}


def _errors(codes: Sequence[int]) -> Callable[[random.Random, str], dict[str, Any]]:
    return lambda chance, _: {"code": chance.choice(codes), "seconds": _seconds(chance, 1.0, 5.0)}


def _guest(chance: random.Random, kind: str) -> dict[str, Any]:
    return {"kind": kind, "seconds": _seconds(chance, 6.0, 12.0)}


def _instrument(chance: random.Random, market: str) -> dict[str, Any]:
    return {
        "market": market,
        "which": chance.randrange(MARKETS[market]),
        "seconds": _seconds(chance, 0.0, 8.0),
    }


_REST_BOOKS = ("binance.spot", "binance.usdm")
_OUT_OF_SPACE, _MEMORY, _TOO_MANY_PARTS, _TIMEOUT = 243, 241, 252, 159


def _parts(collecting: Sequence[str]) -> Mapping[str, _Kind]:
    """What is done to processes of bookmill."""
    one = _one_of((*collecting, *WORKERS, *SINKS))
    guests = ("worker", "sink", "producer") if collecting is SHARED else ("worker", "sink")
    return {
        "kill": _Kind(8, one, _part(0.0, 3.0), 6.0, ours=True),
        "stop": _Kind(2, one, _part(0.0, 2.0), 8.0, ours=True),
        "pause": _Kind(2, one, _part(1.0, 9.0), 10.0),
        "join and leave": _Kind(2, _one_of(guests), _guest, 14.0, ours=True),
    }


_KINDS: Mapping[str, _Kind] = {
    **_parts(ALONE),
    "kafka kill": _Kind(1, _one_of(("kafka",)), _lasting(0.0, 3.0), 15.0),
    "kafka restart": _Kind(1, _one_of(("kafka",)), _lasting(0.0, 2.0), 15.0),
    "clickhouse kill": _Kind(1, _one_of(("clickhouse",)), _lasting(0.0, 4.0), 10.0),
    "clickhouse refuses": _Kind(1, _one_of(("clickhouse",)), _lasting(1.0, 6.0), 7.0),
    "clickhouse is slow": _Kind(1, _one_of(("clickhouse",)), _lasting(2.0, 8.0), 9.0),
    "clickhouse errors": _Kind(
        3,
        _one_of(("clickhouse",)),
        _errors((_OUT_OF_SPACE, _MEMORY, _TOO_MANY_PARTS, _TIMEOUT)),
        6.0,
    ),
    "clickhouse loses answers": _Kind(
        3, _one_of(("clickhouse",)), lambda chance, _: {"count": chance.randint(1, 3)}, 2.0
    ),
    "registry kill": _Kind(1, _one_of(("registry",)), _lasting(0.0, 3.0), 12.0),
    "registry refuses": _Kind(1, _one_of(("registry",)), _lasting(2.0, 8.0), 9.0),
    "registry errors": _Kind(1, _one_of(("registry",)), _errors((500, 503)), 6.0),
    "connections cut": _Kind(3, _one_of(tuple(MARKETS)), _market, 3.0),
    "connections closed": _Kind(2, _one_of(tuple(MARKETS)), _market, 3.0),
    "connections half-open": _Kind(2, _one_of(tuple(MARKETS)), _market, 8.0),
    "connections refused": _Kind(
        1,
        _one_of(tuple(MARKETS)),
        lambda chance, market: {"market": market, "seconds": _seconds(chance, 1, 4)},
        6.0,
    ),
    "subscriptions forgotten": _Kind(1, _one_of(tuple(MARKETS)), _market, 8.0),
    "frames disturbed": _Kind(12, _one_of(tuple(MARKETS)), _disturbance, 0.0),
    "snapshots bad": _Kind(3, _one_of(_REST_BOOKS), _snapshots, 2.0),
    "clock jumps": _Kind(2, _one_of(tuple(MARKETS)), _clock, 9.0),
    "unsubscribed": _Kind(3, _one_of(tuple(MARKETS)), _instrument, 4.0, shared=True),
}

NAMES = tuple(_KINDS)
"""The kinds of faults."""


def schedule(seed: int, seconds: float, *, processes_live: bool = False) -> list[Step]:
    """The faults of so many seconds, in order. ``processes_live``: none that ends a process of bookmill."""
    chance = random.Random(f"chaos:{seed}")
    collecting = producers(seed)
    kinds = {
        name: kind
        for name, kind in {**_KINDS, **_parts(collecting)}.items()
        if not (processes_live and kind.ours) and (collecting is SHARED or not kind.shared)
    }
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    steps: list[Step] = []
    free_s: dict[str, float] = {}
    moment_s = 0.5
    while moment_s < seconds:
        [name] = chance.choices(names, weights)
        kind = kinds[name]
        target = kind.target(chance)
        arguments = kind.arguments(chance, target)
        ends_s = moment_s + arguments.get("seconds", 0.0)
        if free_s.get(target, 0.0) <= moment_s and ends_s <= seconds:
            steps.append(Step(round(moment_s, 1), name, arguments))
            free_s[target] = moment_s + max(kind.busy_s, arguments.get("seconds", 0.0) + 1.0)
        moment_s += chance.uniform(*_PAUSE_S)
    return steps


def text(steps: Sequence[Step]) -> str:
    """The list to be read, and to be read again by a program: one line of JSON a step."""
    return "\n".join(json.dumps([step.moment_s, step.fault, dict(step.arguments)]) for step in steps)
