"""What is to be seen of a running pipeline at one moment, independent of how it is drawn."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookmill.addresses import STATE_FILE
from bookmill.demo.pipeline import Pipeline
from bookmill.demo.statuses import memory_mib
from bookmill.demo.supervisor import State

__all__ = ["BookLine", "PartLine", "Picture", "books", "take"]


@dataclass(frozen=True)
class PartLine:
    """One part. ``note`` is what is wrong with it, or where it is in its life."""

    name: str
    state: State
    since_s: float
    restarts: int
    memory_mib: int | None
    note: str = ""


@dataclass(frozen=True)
class BookLine:
    """One instrument; prices are texts as the worker says them, None while the book is not to be trusted."""

    instrument: str
    state: str
    bid: str | None = None
    bid_quantity: str | None = None
    ask: str | None = None
    ask_quantity: str | None = None
    spread: str | None = None
    bps: str | None = None
    age_s: float | None = None
    trades: int = 0


@dataclass(frozen=True)
class Picture:
    """Everything. Rates are a second; lags in records (None: not known)."""

    title: str
    state: str
    uptime_s: float
    frames_s: float
    events_s: float
    rows_s: float
    worker_lag: int | None
    sink_lag: int | None
    restarts: int
    gaps: int
    dead_letters: int
    parts: tuple[PartLine, ...]
    books: tuple[BookLine, ...]
    address: str = ""
    """Where the dashboard is."""
    hint: str = ""

    @property
    def live_books(self) -> int:
        """How many can be trusted."""
        return sum(book.state == "live" for book in self.books)


def take(
    pipeline: Pipeline, *, title: str, state: str, address: str, hint: str, started_s: float, data_dir: Path
) -> Picture:
    """The picture of this moment. The pipeline was asked before; here is only looked."""
    tally, statuses = pipeline.tally, pipeline.statuses
    lags = {name: statuses[name].statistics.get("lag") for name in ("worker", "sink") if name in statuses}
    return Picture(
        title=title,
        state=state,
        uptime_s=time.monotonic() - started_s,
        frames_s=tally.rate("frames_in"),
        events_s=tally.rate("events_out"),
        rows_s=tally.rate("rows"),
        worker_lag=lags.get("worker"),
        sink_lag=lags.get("sink"),
        restarts=sum(pipeline.restarts.values()),
        gaps=tally.total("gaps"),
        dead_letters=tally.total("unreadable") + tally.total("refused"),
        parts=tuple(
            PartLine(
                name,
                part.state,
                part.state_s,
                part.restarts,
                _platform_memory(data_dir) if name == "platform" else memory_mib(part.pid),
                _note(pipeline, name),
            )
            for name, part in pipeline.parts.items()
        ),
        books=books(statuses["worker"].statistics.get("instruments", {})) if "worker" in statuses else (),
        address=address,
        hint=hint,
    )


def _note(pipeline: Pipeline, name: str) -> str:
    part = pipeline.parts[name]
    if part.state is State.RESTARTING:  # it is gone, and nobody answers
        return pipeline.last_words(name)
    status = pipeline.statuses.get(name)
    return "; ".join(status.problems.values()) if status and part.pid else ""


def books(instruments: Mapping[str, Mapping[str, Any]]) -> tuple[BookLine, ...]:
    """The worker's instruments, sorted by name."""
    return tuple(
        BookLine(
            name,
            each["state"],
            each["bid"],
            each["bid_quantity"],
            each["ask"],
            each["ask_quantity"],
            each["spread"],
            each["spread_bps"],
            each["age_s"],
            each["trades"],
        )
        for name, each in sorted(instruments.items())
    )


def _platform_memory(data_dir: Path) -> int | None:
    """Kafka, the registry and ClickHouse together."""
    try:
        pids = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))["pids"].values()
    except (OSError, ValueError, KeyError):
        return None
    return sum(memory_mib(pid) or 0 for pid in pids)
