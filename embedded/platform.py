"""The platform on one machine: Kafka, schema registry and ClickHouse as child processes that end with this one."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bookmill.addresses import STATE_FILE, Addresses
from bookmill.precedence import gives_way
from bookmill.settings import PlatformSettings, Settings
from embedded.artifacts import ArtifactCache, locked, require_space
from embedded.clickhouse.part import ClickHouse
from embedded.folder import PORTS_FILE, acquire
from embedded.kafka import Kafka
from embedded.part import Part, Place
from embedded.ports import Port, choose_ports
from embedded.progress import Progress, QuietProgress
from embedded.quick_start import java_flags, prepare
from embedded.registry import Registry

__all__ = ["Platform"]


class Platform:
    """Owns ``settings.data_dir`` from :meth:`start` to :meth:`stop`; also a context manager around both.

    ``kafka``, ``registry`` and ``clickhouse`` are the parts; each can be stopped, killed and started by itself.
    """

    kafka: Kafka
    registry: Registry
    clickhouse: ClickHouse

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self._settings = settings
        self._progress = progress or QuietProgress()
        self.data_dir = settings.data_dir.absolute()
        self._lock: IO[str] | None = None
        self._parts: tuple[Part, ...] = ()
        self._cache = ArtifactCache(
            settings.cache_dir.absolute(),
            repository=settings.platform.maven_repository,
            minimum_free_mib=settings.platform.minimum_free_mib,
        )

    @property
    def addresses(self) -> Addresses:
        """Where clients find the three; known once started."""
        return Addresses(self.kafka.address, self.registry.address, self.clickhouse.address)

    def start(self) -> None:
        """Bring everything up and return when each answers.

        Raises :class:`PlatformError` (and its kinds) with one sentence; nothing is left running then.
        """
        self.fetch()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = acquire(self.data_dir, self._progress)
        try:
            self._parts = self._make_parts(self._lock.fileno())
            self._bring_up()
            self._write_state()
        except BaseException:
            self.stop()
            raise

    def fetch(self) -> None:
        """Bring the programs into the cache, where they are not yet; :meth:`start` does it too."""
        for directory in (self.data_dir, self._settings.cache_dir):
            require_space(directory, self._settings.platform.minimum_free_mib)
        self._cache.fetch([*locked("kafka"), *locked("registry")], self._progress)
        self._prepare_quick_starts()

    @property
    def fetched(self) -> bool:
        """Whether the programs are in the cache."""
        return all(map(self._cache.has, (*locked("kafka"), *locked("registry"))))

    def stop(self) -> None:
        """Stop in order: who is read from goes last. Safe to repeat."""
        if self._lock is not None:
            (self.data_dir / STATE_FILE).unlink(missing_ok=True)
        self._stop_parts()
        self._parts = ()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def health(self) -> dict[str, str]:
        """A sentence by part key for each part that has ended or does not answer."""
        problems = {}
        for part in self._parts:
            problem = part.problem() or (
                "" if part.answers() else f"{part.name} does not answer at {part.address}."
            )
            if problem:
                problems[part.key] = problem
        return problems

    def restart_ended(self) -> list[str]:
        """Start again what has ended by itself; one sentence about each. Quick when all run."""
        problems = []
        for part in self._parts:
            if problem := part.problem():
                problems.append(problem)
                part.start()
        if problems:
            self._write_state()
        return problems

    def pids(self) -> dict[str, int]:
        """The servers' pids by part key."""
        return {part.key: part.pid for part in self._parts if part.pid is not None}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_parts(self, lock: int) -> tuple[Part, ...]:
        platform, cache_dir = self._settings.platform, self._settings.cache_dir.absolute()
        ports = choose_ports(_ports(platform), self.data_dir / PORTS_FILE)

        def place(name: str) -> Place:
            log = self.data_dir / "log" / f"{name}.log"
            flags = java_flags(cache_dir, name)
            return Place(
                self.data_dir / name,
                log,
                self._cache,
                cache_dir,
                held=(lock,),
                java_flags=flags,
                gives_way=gives_way(name, platform),
            )

        self.kafka = Kafka(
            place("kafka"),
            port=ports["kafka"],
            controller_port=ports["kafka_controller"],
            heap=platform.kafka_heap,
        )
        self.registry = Registry(
            place("registry"),
            port=ports["registry"],
            management_port=ports["registry_management"],
            heap=platform.registry_heap,
        )
        self.clickhouse = ClickHouse(place("clickhouse"), port=ports["clickhouse"])
        return self.kafka, self.registry, self.clickhouse

    def _prepare_quick_starts(self) -> None:
        """Trial runs with the heaps of later: an archive is only good for the same kind of heap."""
        platform, cache_dir = self._settings.platform, self._settings.cache_dir.absolute()
        with tempfile.TemporaryDirectory() as folder:
            wanted = [Port(name, 0, 0) for name in ("kafka", "controller", "registry", "management")]
            ports = choose_ports(wanted, Path(folder) / PORTS_FILE)
        servers: Mapping[str, Callable[[Place], Part]] = {
            "kafka": lambda place: Kafka(
                place, port=ports["kafka"], controller_port=ports["controller"], heap=platform.kafka_heap
            ),
            "registry": lambda place: Registry(
                place,
                port=ports["registry"],
                management_port=ports["management"],
                heap=platform.registry_heap,
            ),
        }
        prepare(servers, self._cache, cache_dir, self._progress)

    def _bring_up(self) -> None:
        """Start all parts at the same time; the first failure, or an interrupt, stops the others at once."""
        with ThreadPoolExecutor(len(self._parts), "platform") as pool:
            starts = [pool.submit(self._start_part, part) for part in self._parts]
            try:
                for done in as_completed(starts):
                    done.result()
            except BaseException:
                self._stop_parts()
                raise

    def _start_part(self, part: Part) -> None:
        started_s = time.monotonic()
        part.prepare(self._progress)
        part.start()
        self._progress.step(f"{part.name} answers at {part.address} ({time.monotonic() - started_s:.1f} s)")

    def _stop_parts(self) -> None:
        for part in reversed(self._parts):
            part.stop()

    def _write_state(self) -> None:
        addresses = self.addresses
        state = {
            "pid": os.getpid(),
            "kafka": addresses.kafka,
            "registry": addresses.registry,
            "clickhouse": addresses.clickhouse,
            "data_dir": str(self.data_dir),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "pids": self.pids(),
        }
        beside = self.data_dir / (STATE_FILE + ".new")
        beside.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        beside.replace(self.data_dir / STATE_FILE)


def _ports(platform: PlatformSettings) -> Sequence[Port]:
    def usual(name: str) -> int:
        return int(PlatformSettings.model_fields[f"{name}_port"].default)

    visible = [
        Port(name, getattr(platform, f"{name}_port"), usual(name))
        for name in ("kafka", "registry", "clickhouse")
    ]
    return [*visible, Port("kafka_controller", 0, 0), Port("registry_management", 0, 0)]
