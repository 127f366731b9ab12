"""Raw topics → events in Kafka: our worker and its peers, each a child process, all measured in the same way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bench.frames import Workload
from bench.meter import CpuClock, TopicMeter, peak_memory_mib, wait_until
from bench.peers.environment import module_links
from bench.peers.job import Job
from bench.stage import Stage
from bookmill.errors import BookmillError
from bookmill.processes import Child
from schemas import registry
from schemas.catalogue import EVENT_TOPICS

__all__ = ["MillRun", "Runner", "run_mill"]

Runner = Literal["worker", "faust", "quix"]
Advanced = Callable[[int], None]

_MODULES = {"faust": "bench.peers.stock_faust", "quix": "bench.peers.quix_streams"}


@dataclass(frozen=True)
class MillRun:
    """``prefix``: where the events are; ``cpu_s``: the child's processor time for all of them, start-up excluded."""

    seconds: float
    cpu_s: float
    peak_mib: float
    prefix: str


def run_mill(
    runner: Runner,
    stage: Stage,
    workload: Workload,
    events: Mapping[str, int],
    advanced: Advanced,
    python: Path,
) -> MillRun:
    """Let one runner turn the preloaded frames into events. ``python``: the interpreter that has the runner's framework.

    Raises :class:`BookmillError` when the events stored are not as many, topic by topic, as the handler gives.
    """
    prefix = stage.prefix(runner)
    stage.preload(prefix, workload.frames)
    expected = {prefix + topic.name: events[topic.name] for topic in EVENT_TOPICS}
    with TopicMeter(stage.addresses.kafka, expected) as meter:
        with _running(runner, stage, prefix, workload, python) as child:
            clock = CpuClock(child.pid or 0, lambda: sum(meter.records().values()))
            wait_until(clock.count, sum(expected.values()), child, advanced)
            cpu_s, peak_mib = clock.seconds(), peak_memory_mib(child.pid or 0)
        if meter.records() != expected:
            raise BookmillError(f"The {runner} stored {meter.records()} where the handler gives {expected}.")
        return MillRun(meter.seconds(), cpu_s, peak_mib, prefix)


@contextmanager
def _running(runner: Runner, stage: Stage, prefix: str, workload: Workload, python: Path) -> Iterator[Child]:
    if runner == "worker":
        with stage.part("worker", prefix) as part:
            yield part.child
        return
    client = registry.client(stage.settings.registry, stage.addresses.registry)
    ids = registry.register(client, stage.addresses.registry, EVENT_TOPICS, prefix=prefix)
    job = Job(
        kafka=stage.addresses.kafka,
        prefix=prefix,
        raw_topics=list(workload.topics),
        schema_ids={topic.name: number for topic, number in ids.items()},
        folder=str(stage.folder / prefix),
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BOOKMILL_")}
    environment["PYTHONPATH"] = str(module_links(stage.folder))
    argv = [str(python), "-m", _MODULES[runner], json.dumps(asdict(job))]
    with stage.child(runner, argv, environment) as child:
        yield child
