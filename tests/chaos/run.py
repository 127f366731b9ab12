"""One schedule from its beginning to its judgement."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

import psutil

from embedded.platform import Platform
from tests.chaos.judgement import (
    Verdict,
    judge_books,
    judge_ids,
    judge_letters,
    judge_tops,
    judge_trades,
)
from tests.chaos.ledger import judge_ledger
from tests.chaos.letters import Log
from tests.chaos.schedule import Step, schedule, text
from tests.chaos.stage import Stage, StuckError
from tests.chaos.tables import Tables

__all__ = ["Result", "run"]

_OVER_S = 90.0
_VERIFY_S = 300.0


@dataclass
class Result:
    """What came of a schedule. ``steps``: the faults that were done."""

    seed: int
    steps: Sequence[Step]
    verdict: Verdict = field(default_factory=Verdict)
    rows: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0
    folder: Path | None = None

    @property
    def line(self) -> str:
        """In one line."""
        facts = self.verdict.facts
        word = "as it should be" if not self.verdict.problems else f"{len(self.verdict.problems)} PROBLEMS"
        return (
            f"seed {self.seed}: {len(self.steps)} faults, {sum(self.rows.values())} rows, {facts['trades made']} trades made,"
            f" {facts['trades missing, in the ledger']} of them missing and written down,"
            f" {facts['trades missing, unsaid']} missing and not, {facts['book gaps']} gaps of books,"
            f" {facts['trades gaps']} of trades, {facts['dead letters']} dead letters,"
            f" {facts['gave up']} parts gave up and came back, {self.took_s:.0f} s: {word}"
        )

    @property
    def report(self) -> str:
        """All of it, for whoever looks for the reason."""
        return "\n".join(
            [
                self.line,
                *(f"  {problem}" for problem in self.verdict.problems),
                *([f"  logs of the parts: {self.folder}"] if self.folder else []),
                "  the schedule:",
                text(self.steps),
            ]
        )


def run(
    platform: Platform,
    seed: int,
    seconds: float,
    *,
    say: Callable[[str], None],
    keep: Path | None = None,
    watch: Callable[[Stage], None] | None = None,
    processes_live: bool = False,
) -> Result:
    """The schedule of ``seed`` on a running platform. ``watch`` is called about once a second meanwhile.

    The logs of the parts, and the raw records around what is doubted, are kept under ``keep`` where something is wrong.
    """
    steps = schedule(seed, seconds, processes_live=processes_live)
    result = Result(seed, steps)
    started_s = time.monotonic()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-", dir=keep))
    before = _children()
    with Stage(platform, folder, seed=seed, say=say) as stage:
        tables = Tables(platform.addresses.clickhouse, stage.name)
        log = Log(platform.addresses.kafka, f"{stage.name}.")
        try:
            stage.open()
            say(f"seed {seed}: {len(steps)} faults in {seconds:.0f} s begin")
            _perform(stage, steps, seconds, result.verdict, say, watch)
            stage.settle()
            stage.until_stored()
            stage.until(lambda: not tables.open_gaps(), "every gap is closed")
            stage.drain()
            result.verdict.problems += stage.exchanges.problems()
            stage.fleet.end()
            _judge(stage, tables, log, result)
            if doubted := result.verdict.doubted:
                (folder / "doubted.jsonl").write_text("\n".join(log.around(doubted)), encoding="utf-8")
        except (StuckError, AssertionError) as error:
            result.verdict.problems.append(str(error))
        except Exception:  # noqa: BLE001  whatever it is, the schedule has to be told with it
            result.verdict.problems.append(traceback.format_exc())
        result.verdict.problems += stage.fleet.problems
        result.verdict.facts["gave up"] = stage.fleet.gave_up
    left = _children() - before
    if left:
        result.verdict.problems.append(f"processes are left: {sorted(left)}")
    if not result.verdict.problems:
        tables.drop()
        log.delete()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    else:
        result.folder = folder
    result.took_s = time.monotonic() - started_s
    return result


def _perform(
    stage: Stage,
    steps: Sequence[Step],
    seconds: float,
    verdict: Verdict,
    say: Callable[[str], None],
    watch: Callable[[Stage], None] | None,
) -> None:
    """Each fault at its moment, in a thread of its own; returns when all are over."""
    start_s = time.monotonic()
    threads = []

    def do(step: Step) -> None:
        try:
            stage.apply(step.fault, step.arguments)
        except Exception:  # noqa: BLE001  told with the schedule
            verdict.problems.append(f"the fault itself failed: {step}: {traceback.format_exc()}")

    def until(moment_s: float) -> None:
        while (left_s := start_s + moment_s - time.monotonic()) > 0:
            if watch:
                watch(stage)
            time.sleep(min(left_s, 1.0))

    for step in steps:
        until(step.moment_s)
        say(str(step))
        thread = threading.Thread(target=do, args=(step,), name=step.fault, daemon=True)
        thread.start()
        threads.append(thread)
    until(seconds)
    deadline_s = time.monotonic() + _OVER_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
        if thread.is_alive():
            raise StuckError(f"the fault {thread.name!r} is not over after {_OVER_S:.0f} s")


def _judge(stage: Stage, tables: Tables, log: Log, result: Result) -> None:
    truths, verdict = stage.exchanges.truths, result.verdict
    result.rows = tables.counts()
    gaps = list(tables.gaps())
    verdict.add(judge_trades(truths, tables.trades(), gaps))
    verdict.add(judge_books(truths, tables.books()))
    verdict.add(judge_ledger(truths, tables.books(), gaps, halted_s=stage.halted_s, voices=log.voices()))
    verdict.add(judge_tops(truths, tables.tops()))
    verdict.add(judge_ids(tables.repeated_ids()))
    torn = stage.exchanges.corrupted
    values, places = log.letters()
    verdict.add(judge_letters(values, torn, log.raw_frames(torn), len(places)))
    if "verify" in {point.name for point in entry_points(group="bookmill.commands")}:
        _verify(stage, verdict)


def _verify(stage: Stage, verdict: Verdict) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bookmill", "verify", "--json"],
        env=stage.environment(),
        capture_output=True,
        text=True,
        timeout=_VERIFY_S,
        check=False,
    )
    if done.returncode:
        verdict.problems.append(
            f"bookmill verify says {done.returncode}: {done.stdout[-3000:]} {done.stderr[-1000:]}"
        )
    else:
        json.loads(done.stdout)


def _children() -> set[tuple[int, str]]:
    """Processes of bookmill that we have started and that live."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if "-m bookmill " in command:
            found.add((child.pid, command[-80:]))
    return found
