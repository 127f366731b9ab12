"""What a benchmark says: one JSON object, and the same as a table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

__all__ = ["Machine", "Measured", "Report", "machine", "now", "table"]


@dataclass(frozen=True)
class Machine:
    """Where it was measured; ``load`` is the system's load of the last minute before the start."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float


@dataclass(frozen=True)
class Measured:
    """One part: ``unit`` a second of every run; ``amount`` is how many of it each run had.

    ``peaks_mib``: the most resident memory a run's processes had, by process. ``cpu_us``: processor time of the part's
    process per unit, in µs, for each run; unlike the rate it hardly depends on what else the machine does. ``details``: what
    else is to be known of the part, by name.
    """

    unit: str
    amount: int
    runs: Sequence[float]
    peaks_mib: Mapping[str, float] = field(default_factory=dict)
    cpu_us: Sequence[float] = ()
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        """The median run."""
        return statistics.median(self.runs)

    def as_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            self.unit: self.amount,
            f"{self.unit}_per_s": round(self.per_s),
            "runs": [round(run) for run in self.runs],
            "cpu_us": round(statistics.median(self.cpu_us), 2) if self.cpu_us else None,
            "peak_mib": dict(self.peaks_mib),
            **({"details": dict(self.details)} if self.details else {}),
        }


@dataclass(frozen=True)
class Report:
    """``parts`` by name: handler, worker, faust, quix, sink, sink.<table>, producer, <book>, many. ``events`` the frames give, by topic."""

    machine: Machine
    started: datetime
    source: str
    frames: int
    events: Mapping[str, int]
    parts: Mapping[str, Measured]

    def ratios(self) -> dict[str, float]:
        """Our worker's median to each peer's."""
        worker = self.parts.get("worker")
        peers = {name: self.parts[name] for name in ("faust", "quix") if name in self.parts}
        if worker is None:
            return {}
        return {f"worker_to_{name}": round(worker.per_s / peer.per_s, 2) for name, peer in peers.items()}

    def as_json(self) -> dict[str, Any]:
        """The one JSON object."""
        return {
            "machine": asdict(self.machine),
            "started": self.started.isoformat(timespec="seconds"),
            "source": self.source,
            "frames": self.frames,
            "events": dict(self.events),
            "parts": {name: part.as_json() for name, part in self.parts.items()},
            "ratios": self.ratios(),
        }


def machine() -> Machine:
    """This one, now."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=platform.platform(terse=True),
        python=platform.python_version(),
        load=round(psutil.getloadavg()[0], 2),
    )


def now() -> datetime:
    """The time of day, for the report alone."""
    return datetime.now(UTC)


def table(report: Report) -> Table:
    """The report for people."""
    title = (
        f"{report.frames:,} frames ({report.source}) give {sum(report.events.values()):,} events · "
        f"{report.machine.cores} cores, load {report.machine.load} · {report.started:%Y-%m-%d %H:%M} UTC"
    )
    out = Table(title=title, title_justify="left")
    out.add_column("part", no_wrap=True)
    for heading in ("per second", "runs", "of", "CPU each", "peak memory"):
        out.add_column(heading, justify="right")
    detailed = any(part.details for part in report.parts.values())
    if detailed:
        out.add_column("with")
    for name, part in report.parts.items():
        runs = f"{min(part.runs):,.0f} to {max(part.runs):,.0f}" if len(part.runs) > 1 else ""
        memory = ", ".join(
            f"{peak:.0f} MiB" if process == name.partition(".")[0] else f"{process} {peak:.0f} MiB"
            for process, peak in part.peaks_mib.items()
        )
        cpu = f"{statistics.median(part.cpu_us):.1f} µs" if part.cpu_us else ""
        details = [", ".join(f"{what} {amount:,g}" for what, amount in part.details.items())] * detailed
        out.add_row(name, f"{part.per_s:,.0f} {part.unit}", runs, f"{part.amount:,}", cpu, memory, *details)
    ratios = report.ratios()
    if ratios:
        out.add_section()
        for name, ratio in ratios.items():
            out.add_row(name.replace("_", " "), f"{ratio:.2f} times")
    return out


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
