"""The benchmark as a whole: which parts, how often, in which order, into one report."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.checkpoint_bench import BOOKS, CheckpointRun, run_checkpoints
from bench.frames import Workload
from bench.gateway_bench import GatewayRun, measured_gateway, run_gateway
from bench.handler import HandlerRun, run_handler
from bench.many_bench import ManyRun, run_many
from bench.mill_bench import MillRun, Runner, run_mill
from bench.peers.environment import peer_python
from bench.producer_bench import ProducerRun, run_producer
from bench.report import Measured, Report, machine, now
from bench.sink_bench import SinkRun, multiply, run_sink
from bench.stage import Stage
from bench.takeover_bench import TakeoverRun, run_takeover
from bench.venue_frames import BookFrames
from bench.venues_bench import BooksRun, load_books, run_books
from bookmill.settings import Settings
from embedded.progress import ConsoleProgress
from schemas.catalogue import EVENT_TOPICS

__all__ = ["FRAMELESS", "PARTS", "Plan", "run"]

PARTS = (
    "handler",
    "worker",
    "sink",
    "producer",
    "peers",
    "venues",
    "many",
    "checkpoints",
    "takeover",
    "gateway",
)
FRAMELESS = frozenset({"venues", "many", "checkpoints", "takeover", "gateway"})
"""Parts that make their own frames."""

_IN_PROCESS = frozenset({"handler", "venues", "checkpoints"})
_FAUST_FRAMES = 60_000
_SINK_ROWS = 1_000_000
"""Each table's events are copied until it has so many: fewer are stored before the sink has got going."""
_MOST_COPIES = 16
_LEAST_ROWS = 100_000
"""A table with fewer rows is stored before a rate can be taken."""


@dataclass(frozen=True)
class Plan:
    """What to measure: parts out of :data:`PARTS`, each ``repeat`` times. ``recordings``: where those of the venues are."""

    workload: Workload
    parts: Sequence[str] = PARTS
    repeat: int = 1
    recordings: Path | None = None


@dataclass
class _Results:
    handler: list[HandlerRun] = field(default_factory=list)
    mills: dict[Runner, list[MillRun]] = field(default_factory=dict)
    sinks: dict[str, list[SinkRun]] = field(default_factory=dict)
    producers: list[ProducerRun] = field(default_factory=list)
    books: dict[str, list[BooksRun]] = field(default_factory=dict)
    many: list[ManyRun] = field(default_factory=list)
    checkpoints: list[CheckpointRun] = field(default_factory=list)
    takeovers: list[TakeoverRun] = field(default_factory=list)
    gateways: list[GatewayRun] = field(default_factory=list)


def run(plan: Plan, settings: Settings) -> Report:
    """Measure. The parts take turns, round after round, so that a slow minute of the machine falls on all of them."""
    bench = _Bench(plan, settings)
    report_machine, started = machine(), now()
    needs_platform = bool(set(plan.parts) - _IN_PROCESS - {"gateway"})
    with Stage(settings, ConsoleProgress()) if needs_platform else nullcontext() as stage:
        for _ in range(plan.repeat):
            bench.round_in_process()
            if stage is not None:
                bench.round(stage)
    if "gateway" in plan.parts:  # the others give way to it: on a platform of its own
        for _ in range(plan.repeat):
            with Stage(settings, ConsoleProgress(), gateway_first=True) as stage:
                bench.gateway(stage)
    return Report(
        report_machine,
        started,
        plan.workload.source,
        len(plan.workload.frames),
        bench.events,
        bench.measured(),
    )


class _Bench:
    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._plan = plan
        self._settings = settings
        self._results = _Results()
        with _bar("warming up", len(plan.workload.frames)) as advanced:
            # The first run is not measured: it warms up, and says what all others have to give.
            self.events = self._events(plan.workload)
            advanced(len(plan.workload.frames))
        self._runners: list[tuple[Runner, Workload, Path]] = []
        here = Path(sys.executable)
        if "worker" in plan.parts or "sink" in plan.parts:
            self._runners.append(("worker", plan.workload, here))
        if "peers" in plan.parts:
            # Stock Faust needs minutes for all frames: its rate is taken from the first of them.
            self._runners.append(("faust", plan.workload.first(_FAUST_FRAMES), here))
            with _bar("environment of the peers", None):
                self._runners.append(("quix", plan.workload, peer_python(settings.cache_dir)))

        self._books: Sequence[BookFrames] = ()
        if "venues" in plan.parts:
            with _bar("books of the venues", None):
                self._books = load_books(plan.recordings)

    def round_in_process(self) -> None:
        """Each part that needs no platform once."""
        plan, results = self._plan, self._results
        if "handler" in plan.parts:
            with _bar("handler", len(plan.workload.frames)) as advanced:
                results.handler.append(run_handler(plan.workload.frames, self._settings.worker))
                advanced(len(plan.workload.frames))
        if "checkpoints" in plan.parts:
            with _bar("checkpoints", None):
                results.checkpoints.append(run_checkpoints(self._settings.worker))
        if self._books:
            with _bar("venues", len(self._books)) as advanced:
                for done, book in enumerate(self._books, 1):
                    results.books.setdefault(book.name, []).append(run_books(book, self._settings.worker))
                    advanced(done)

    def round(self, stage: Stage) -> None:
        """Each of the others once."""
        plan, results = self._plan, self._results
        for runner, workload, python in self._runners:
            events = self._events(workload)
            with _bar(runner, sum(events.values())) as advanced:
                done = run_mill(runner, stage, workload, events, advanced, python)
                results.mills.setdefault(runner, []).append(done)
        if "sink" in plan.parts:
            self._sinks(stage, results.mills["worker"][-1].prefix)
        if "producer" in plan.parts:
            with _bar("producer", None) as advanced:
                results.producers.append(run_producer(stage, plan.workload, advanced))
        if "many" in plan.parts:
            with _bar("many instruments", None):
                results.many.append(run_many(stage))
        if "takeover" in plan.parts:
            with _bar("takeover", None):
                results.takeovers.append(run_takeover(stage))

    def gateway(self, stage: Stage) -> None:
        """The gateway once."""
        with _bar("gateway", None):
            self._results.gateways.append(run_gateway(stage))

    def measured(self) -> dict[str, Measured]:
        """Everything, by name."""
        frames, results = len(self._plan.workload.frames), self._results
        parts: dict[str, Measured] = {}
        if results.handler:
            parts["handler"] = Measured("frames", frames, [frames / each.seconds for each in results.handler])
        for runner, workload, _ in self._runners:
            count, runs = len(workload.frames), results.mills[runner]
            parts[runner] = Measured(
                "frames",
                count,
                [count / each.seconds for each in runs],
                {runner: max(each.peak_mib for each in runs)},
                [each.cpu_s / count * 1e6 for each in runs],
            )
        for name, sinks in results.sinks.items():
            peaks = {
                "sink": max(each.peak_mib for each in sinks),
                "ClickHouse": max(each.clickhouse_peak_mib for each in sinks),
            }
            cpu_us = [each.cpu_s / each.rows * 1e6 for each in sinks]
            parts[name] = Measured("rows", sinks[0].rows, [each.rows_per_s for each in sinks], peaks, cpu_us)
        if producers := results.producers:
            parts["producer"] = Measured(
                "frames",
                producers[0].frames,
                [each.frames / each.seconds for each in producers],
                {"producer": max(each.peak_mib for each in producers)},
                [each.cpu_s / each.frames * 1e6 for each in producers],
            )
        for book in self._books:
            books = results.books[book.name]
            parts[book.name] = Measured(
                "updates",
                books[0].updates,
                [each.updates / each.seconds for each in books],
                cpu_us=[each.cpu_s / each.updates * 1e6 for each in books],
                details={"levels": round(book.levels, 1), "bytes": round(book.bytes)},
            )
        if many := results.many:
            parts["many"] = Measured(
                "frames",
                many[0].frames,
                [each.frames / each.seconds for each in many],
                {"many": max(each.peak_mib for each in many)},
                [each.cpu_s / each.frames * 1e6 for each in many],
                {
                    "instruments": many[0].instruments,
                    "streams": many[0].streams,
                    "stalls": max(each.stalls for each in many),
                    "longest_stall_s": max(each.longest_stall_s for each in many),
                    "busiest_s": max(each.busiest_s for each in many),
                    "starved_s": round(max(each.starved_s for each in many), 1),
                },
            )
        if taken := results.checkpoints:
            parts["checkpoints"] = Measured(
                "books",
                taken[0].taken,
                [each.taken / each.taking_cpu_s for each in taken],
                cpu_us=[each.taking_cpu_s / each.taken * 1e6 for each in taken],
                details={"books": BOOKS, "share_percent": round(max(each.share for each in taken), 2)},
            )
        if takeovers := results.takeovers:
            parts["takeover"] = Measured(
                "books",
                BOOKS,
                [BOOKS / each.seconds for each in takeovers],
                details={
                    "taken_over": min(each.taken_over for each in takeovers),
                    "live_after_s": round(max(each.seconds for each in takeovers), 2),
                    "silent_s": round(max(each.silent_s for each in takeovers), 1),
                    "requests": max(each.requests for each in takeovers),
                },
            )
        if gateways := results.gateways:
            parts["gateway"] = measured_gateway(gateways)
        return parts

    def _events(self, workload: Workload) -> dict[str, int]:
        """How many events the frames give, by topic."""
        found = run_handler(workload.frames, self._settings.worker).events
        return {topic.name: found[topic.name] for topic in EVENT_TOPICS}

    def _sinks(self, stage: Stage, prefix: str) -> None:
        """All tables at once, then each that has rows enough alone."""
        copies = {
            table: min(_MOST_COPIES, math.ceil(_SINK_ROWS / count))
            for table, count in self.events.items()
            if count
        }
        rows = {table: self.events[table] * count for table, count in copies.items()}
        with _bar("events for the sink", sum(rows.values())) as advanced:
            source = multiply(stage, prefix, copies, advanced)
        name = source.rstrip(".")
        choices = {"sink": rows} | {
            f"sink.{table}": {table: count} for table, count in rows.items() if count >= _LEAST_ROWS
        }
        for part, chosen in choices.items():
            with _bar(part, sum(chosen.values())) as advanced:
                run_name = f"{name}_{part.replace('.', '_')}"
                stored = run_sink(stage, source, run_name, chosen, advanced)
                self._results.sinks.setdefault(part, []).append(stored)


@contextmanager
def _bar(text: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; the function given takes how much is done."""
    columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)
