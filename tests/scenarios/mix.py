"""All markets at once under a seeded mix of everything that can go wrong, for as long as wanted.

``python -m tests.scenarios.mix --minutes 10 --seed 7``: what happens when, and to which instrument, follows from the seed; what the
reactions meet is the machine's timing. At the end nothing goes wrong any more for a while, and each book has to be the exchange's own,
with no trade doubled or missing. The exit status says whether that is so.

Frames whose loss nobody can see (:mod:`tests.scenarios.scenarios`) are left out as well: on Coinbase Exchange and Kraken a new
connection follows before the end, as it does there whenever something really is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from simulator.registry import DIALECTS
from tests.scenarios.room import Room
from tests.scenarios.settings import room_of

__all__ = ["Report", "run", "table"]

Fault = Callable[[Room, int], None]
"""Does something to a market, or to one of its instruments."""

_BREAKING = ("cut", "close", "freeze", "drop", "sequence_jump")
"""After these trades may be missing: those that a broken connection had not delivered."""
_PAUSE_S = (0.5, 5.0)
_UNSEEN = ("coinbase", "kraken")


def _fault(name: str, **arguments: object) -> Fault:
    return lambda room, _: room.fault(name, **arguments)


def _scenario(name: str, **arguments: object) -> Fault:
    return lambda room, which: room.scenario(name, which, **arguments)


def _disturb(what: str, most: int) -> Fault:
    return lambda room, which: room.disturb(what, which, most)


def _renew(room: Room, _: int) -> None:
    for line in room.market.lines:
        line.renew()


def _resync(room: Room, which: int) -> None:
    room.market.resync(room.wires[which], time.time())


_EVERYWHERE: Mapping[str, Fault] = {
    "drop": _disturb("drop", 1),
    "duplicate": _disturb("duplicate", 3),
    "corrupt": _disturb("corrupt", 1),
    "cut": _fault("cut_connections"),
    "close": _fault("close_connections", code=1001),
    "freeze": _fault("freeze_connections"),
    "forget": _fault("forget_subscriptions"),
    "renew": _renew,
    "resync": _resync,
}
_OF_EXCHANGE: Mapping[str, Mapping[str, Fault]] = {
    "binance": {
        "shutdown": _fault("announce_shutdown"),
        "refuse 429": _fault("refuse_snapshots", count=1, status=429),
        "refuse 503": _fault("refuse_snapshots", count=2, status=503),
        "stale": _fault("stale_snapshots"),
        "empty": _fault("empty_snapshots"),
        "late": _fault("delay_snapshots", delay_s=1.5),
        "unknown level": _scenario("delete_unknown_level", count=3),
    },
    "okx": {
        "shutdown": _fault("announce_shutdown"),
        "heartbeat": _scenario("heartbeat"),
        "maintenance": _scenario("maintenance"),
        "auction": _scenario("auction", seconds=2.0, ticks=100),
        "long auction": _scenario("auction", seconds=9.0, ticks=300),
        "checksums": _scenario("checksum", mode="valid"),
        "no checksums": _scenario("checksum", mode="absent"),
        "zero checksums": _scenario("checksum", mode="zero"),
        "suspended": _scenario("instrument_state", state="suspend"),
        "trading": _scenario("instrument_state", state="live"),
    },
    "bybit": {
        "image": _scenario("snapshot", jump=7),
        "restart": _scenario("restart"),
        "restart by delta": _scenario("restart", kind="delta"),
        "hole": _scenario("hole", count=2),
        "repeat": _scenario("repeat"),
        "split trade": _scenario("split_trade", trades=1100),
        "few fields": _scenario("ticker", fields=["markPrice"]),
    },
    "kraken": {
        "wrong checksum": _scenario("wrong_checksum"),
        "twice": _scenario("twice", count=2),
        "short zeros": _scenario("short_zeros", count=3),
        "thin": _scenario("thin", levels=3),
        "thick": _scenario("thin", levels=None),
        "deep": _scenario("deep", levels=1200),
        "shallow": _scenario("deep", levels=0),
        "maintenance": _scenario("system", state="maintenance"),
        "online": _scenario("system", state="online"),
    },
    "coinbase": {
        "zero": _scenario("zero", text="0"),
        "large image": _scenario("large_image", levels=5000),
        "image": _scenario("large_image", levels=0),
    },
    "coinbase-advanced": {
        "sequence_jump": _scenario("sequence_jump"),
        "zero": _scenario("zero", text="0"),
        "large image": _scenario("large_image", levels=5000),
        "image": _scenario("large_image", levels=0),
    },
    "deribit": {
        "lose changes": _scenario("lose_changes", count=2),
        "exponents": _scenario("exponents", count=5),
        "null predecessor": _scenario("null_predecessor", on=True),
    },
}
_LAST: Mapping[str, Sequence[Fault]] = {
    # Back to what every market is without scenarios; then images, which nobody asks for on their own.
    "okx": [_scenario("checksum", mode="zero"), _scenario("instrument_state", state="live")],
    "kraken": [
        _scenario("thin", levels=None),
        _scenario("deep", levels=0),
        _scenario("system", state="online"),
    ],
    "coinbase": [_scenario("large_image", levels=0)],
    "coinbase-advanced": [_scenario("large_image", levels=0)],
}


@dataclass
class Report:
    """What became of one market."""

    name: str
    faults: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    joins: int = 0
    served: int = 0
    opened: int = 0
    dead_letters: int = 0
    trades: int = 0
    problem: str = ""

    @property
    def line(self) -> str:
        """As printed."""
        return (
            f"{self.name:24}{sum(self.faults.values()):7}{self.gaps:6}{self.joins:7}{self.served:9}{self.opened:8}"
            f"{self.dead_letters:9}{self.trades:8}  {'equal' if not self.problem else 'NOT EQUAL'}"
        )


_HEAD = f"{'market':24}{'faults':>7}{'gaps':>6}{'joins':>7}{'resyncs':>9}{'opened':>8}{'letters':>9}{'trades':>8}  books"


async def run(names: Sequence[str], *, seconds: float, seed: int, rate: float = 40.0) -> list[Report]:
    """All of ``names`` for so long."""
    return list(await asyncio.gather(*(_market(name, seconds, seed, rate) for name in names)))


async def _market(name: str, seconds: float, seed: int, rate: float) -> Report:
    report = Report(name)
    chance = random.Random(f"{seed}:{name}")
    async with room_of(name, seed=seed, rate=rate) as room:
        try:
            await room.calm(40)
            await _disorder(room, report, chance, time.monotonic() + seconds)
            await _order(room)
        except AssertionError as error:
            report.problem = str(error)
        report.gaps, report.joins = room.count("gaps"), room.count("joins")
        report.served = room.market.snapshots.counts.served if room.market.snapshots else 0
        report.opened = room.counts().opened
        report.dead_letters = len(room.seen.dead_letters) + len(room.writer.strange)
        report.trades = room.tape.heard
    return report


async def _disorder(room: Room, report: Report, chance: random.Random, until_s: float) -> None:
    faults = {**_EVERYWHERE, **_OF_EXCHANGE[room.exchange]}
    while (left_s := until_s - time.monotonic()) > 0:
        name = chance.choice(sorted(faults))
        which = chance.randrange(len(room.wires))
        if name in _BREAKING:
            room.tape.interrupt()
        faults[name](room, which)
        report.faults[name] += 1
        await asyncio.sleep(min(left_s, chance.uniform(*_PAUSE_S)))


async def _order(room: Room) -> None:
    for fault in _LAST.get(room.exchange, ()):
        for which in range(len(room.wires)):
            fault(room, which)
    if room.exchange in _UNSEEN:
        await room.calm(60)
        _renew(room, 0)
        await asyncio.sleep(1.0)
    await room.calm(60)
    await asyncio.sleep(1.5)
    await room.agrees(timeout_s=8.0)


def table(reports: Sequence[Report]) -> str:
    """What became of all markets."""
    lines = [_HEAD]
    for report in reports:
        told = ", ".join(f"{name} {count}" for name, count in sorted(report.faults.items()))
        lines += [report.line, f"{'':24}{told}", *([f"{'':24}{report.problem}"] if report.problem else [])]
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--markets", nargs="*", default=list(DIALECTS), metavar="EXCHANGE.MARKET")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    say = sys.stdout.write
    say(f"seed {seed}, {options.minutes:g} minutes, {len(options.markets)} markets\n")
    sys.stdout.flush()
    reports = asyncio.run(run(options.markets, seconds=options.minutes * 60, seed=seed))
    bad = [report.name for report in reports if report.problem]
    say(table(reports))
    say(f"seed {seed}: {'not equal: ' + ', '.join(bad) if bad else 'all books are equal'}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
