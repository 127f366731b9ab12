"""The parts of the pipeline as processes of this machine: started by name, looked after, asked how they are."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bookmill.demo.ports import free_port
from bookmill.demo.statuses import Status, Statuses
from bookmill.demo.supervisor import State, Supervised
from bookmill.demo.tally import Tally
from bookmill.precedence import gives_way
from bookmill.processes import Child, last_lines
from bookmill.settings import PlatformSettings

__all__ = ["COUNTERS", "PROGRAM", "Pipeline", "inherited", "summed"]

PROGRAM = (sys.executable, "-m", "bookmill")

_SENTENCE = "bookmill: "

_NO_FRAMES = ("markets.*.told", "markets.*.backfill_pages", "markets.*.backfills")
"""Raw records that no frame of the exchange has become: a producer's own words, and past trades with what stands behind them."""

COUNTERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "producer": {"frames_in": ("frames",), "handed_over": ("markets.*.repeated",), "no_frames": _NO_FRAMES},
    "worker": {
        "events_out": (
            "trades",
            "spreads",
            "book_snapshots",
            "tickers",
            "klines",
            "derivatives",
            "liquidations",
        ),
        "gaps": ("gaps",),
        "joins": ("joins",),
        "unreadable": ("dead_letters",),
    },
    "sink": {"rows": ("rows",), "duplicates": ("duplicates",), "refused": ("dead_letters",)},
}
"""What is tallied of each part: our name, and the statistics whose sum it is; ``*`` stands for every key."""


class Pipeline:
    """Children of this process, by name, in the order they were added. Each writes its log to ``<log_dir>/<name>.log``.

    ``statuses`` holds the newest answer of each running process that has answered; ``tally`` what they counted.
    """

    def __init__(self, log_dir: Path, statuses: Statuses, platform: PlatformSettings) -> None:
        self.parts: dict[str, Supervised] = {}
        self.statuses: dict[str, Status] = {}
        self.tally = Tally()
        self._log_dir = log_dir
        self._platform = platform
        self._ask = statuses.ask
        self._addresses: dict[str, str] = {}
        self._probes: dict[str, Callable[[int | None], bool]] = {}

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        grace_s: float,
        attempts: int,
        address: str = "",
        probe: Callable[[int | None], bool] | None = None,
    ) -> Supervised:
        """Start ``bookmill <arguments>``. Whether it answers is told by its status port, at its own ``address`` where it has
        one, or by ``probe`` of its pid."""

        def launch() -> Child:
            self.statuses.pop(name, None)
            own = dict(environment)
            if address:
                self._addresses[name] = address
            elif probe is None:
                port = free_port()  # a new one each time: an answer there is of this process and no other
                own |= {"BOOKMILL_STATUS__HOST": "127.0.0.1", "BOOKMILL_STATUS__PORT": str(port)}
                self._addresses[name] = f"http://127.0.0.1:{port}"
            return Child(
                name,
                [*PROGRAM, *arguments],
                log_path=self.log_path(name),
                env=own,
                grace_s=grace_s,
                gives_way=gives_way(name, self._platform),
            )

        if probe is not None:
            self._probes[name] = probe
        part = self.parts[name] = Supervised(
            name, launch, said=lambda: self.last_words(name), attempts=attempts
        )
        part.start()
        return part

    def log_path(self, name: str) -> Path:
        """Where a part's output goes."""
        return self._log_dir / f"{name}.log"

    def step(self) -> None:
        """Look after all parts; raises :class:`BookmillError` when one cannot be brought up."""
        for name, part in self.parts.items():
            probe = self._probes.get(name)
            part.step(answers=probe(part.pid) if probe else name in self.statuses)

    def ask(self) -> None:
        """Ask all running parts how they are. Takes a second at most."""
        running = {State.STARTING, State.UP, State.STOPPING}
        asked = {
            name: address for name, address in self._addresses.items() if self.parts[name].state in running
        }
        now_s = time.monotonic()
        for name, status in self._ask(asked).items():
            self.statuses[name] = status
            if name in COUNTERS:
                counters = {
                    ours: sum(summed(status.statistics, name.split(".")) for name in names)
                    for ours, names in COUNTERS[name].items()
                }
                self.tally.update(name, self.parts[name].incarnation, counters, now_s)

    def all_up(self, names: Sequence[str]) -> bool:
        """Whether the parts answer."""
        return all(name in self.parts and self.parts[name].state is State.UP for name in names)

    @property
    def restarts(self) -> dict[str, int]:
        """How often each part had to be started again."""
        return {name: part.restarts for name, part in self.parts.items()}

    def kill(self) -> None:
        """End all parts at once, the newest first."""
        for part in reversed(self.parts.values()):
            part.kill()

    def last_words(self, name: str) -> str:
        """Why a part ended, in its own words: the sentence for the user where it wrote one, else the end of its log."""
        lines = last_lines(self.log_path(name), 30)
        sentences = [line.removeprefix(_SENTENCE) for line in lines if line.startswith(_SENTENCE)]
        if sentences:
            return sentences[-1]
        return f"{lines[-1].strip()[:300]} Its log is {self.log_path(name)}." if lines else ""


def summed(statistics: Mapping[str, Any], path: Sequence[str]) -> int:
    """The number at a path of keys; of all that match where a key is ``*``, 0 where there is none."""
    first, *rest = path
    found = statistics.values() if first == "*" else [statistics.get(first, 0)]
    if not rest:
        return sum(found)
    return sum(summed(each, rest) for each in found if isinstance(each, Mapping))


def inherited() -> dict[str, str]:
    """This process's environment without what the pipeline sets itself."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BOOKMILL_EXCHANGES", "BOOKMILL_STATUS__"))
    }
