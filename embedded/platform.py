"""The platform on one machine: Kafka, schema registry and ClickHouse as child processes that end with this one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bookmill.addresses import STATE_FILE, Addresses
from bookmill.errors import PlatformError
from bookmill.settings import PlatformSettings, Settings
from embedded.artifacts import ArtifactCache, require_space
from embedded.clickhouse.part import ClickHouse
from embedded.kafka import Kafka
from embedded.part import Part, Place
from embedded.ports import Port, choose_ports
from embedded.progress import Progress, QuietProgress
from embedded.registry import Registry

__all__ = ["Platform", "reset"]

_LOCK_FILE = "platform.lock"
_PORTS_FILE = "ports.json"
_DATA = ("kafka", "registry", "clickhouse")
_LEFTOVER_S = 40.0


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
        self._data_dir = settings.data_dir.absolute()
        self._lock: IO[str] | None = None
        self._parts: tuple[Part, ...] = ()

    @property
    def addresses(self) -> Addresses:
        """Where clients find the three; known once started."""
        return Addresses(self.kafka.address, self.registry.address, self.clickhouse.address)

    def start(self) -> None:
        """Bring everything up and return when each answers.

        Raises :class:`PlatformError` (and its kinds) with one sentence; nothing is left running then.
        """
        for directory in (self._data_dir, self._settings.cache_dir):
            require_space(directory, self._settings.platform.minimum_free_mib)
        self._lock = _own(self._data_dir, self._progress)
        try:
            self._parts = self._make_parts(self._lock.fileno())
            with ThreadPoolExecutor(len(self._parts), "platform") as pool:
                started = [pool.submit(self._bring_up, part) for part in self._parts]
            for one in started:
                one.result()
            self._write_state()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in order: who is read from goes last. Safe to repeat."""
        if self._lock is not None:
            (self._data_dir / STATE_FILE).unlink(missing_ok=True)
        for part in reversed(self._parts):
            part.stop()
        self._parts = ()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def health(self) -> dict[str, str]:
        """A sentence by part name for each part that has ended or does not answer."""
        problems = {}
        for part in self._parts:
            problem = part.problem() or (
                "" if part.answers() else f"{part.name} does not answer at {part.address}."
            )
            if problem:
                problems[part.name] = problem
        return problems

    def ended(self) -> str:
        """One sentence about the first part that ended by itself; empty when none did. Quick."""
        return next(filter(None, (part.problem() for part in self._parts)), "")

    def pids(self) -> dict[str, int]:
        """The servers' pids by part name."""
        return {part.name: part.pid for part in self._parts if part.pid is not None}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_parts(self, lock: int) -> tuple[Part, ...]:
        platform, cache_dir = self._settings.platform, self._settings.cache_dir.absolute()
        ports = choose_ports(_ports(platform), self._data_dir / _PORTS_FILE)
        cache = ArtifactCache(
            cache_dir, repository=platform.maven_repository, minimum_free_mib=platform.minimum_free_mib
        )

        def place(name: str) -> Place:
            log = self._data_dir / "log" / f"{name}.log"
            return Place(self._data_dir / name, log, cache, cache_dir, held=(lock,))

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

    def _bring_up(self, part: Part) -> None:
        started_s = time.monotonic()
        part.install(self._progress)
        part.start()
        self._progress.step(f"{part.name} answers at {part.address} ({time.monotonic() - started_s:.1f} s)")

    def _write_state(self) -> None:
        addresses = self.addresses
        state = {
            "pid": os.getpid(),
            "kafka": addresses.kafka,
            "registry": addresses.registry,
            "clickhouse": addresses.clickhouse,
            "data_dir": str(self._data_dir),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "pids": self.pids(),
        }
        beside = self._data_dir / (STATE_FILE + ".new")
        beside.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        beside.replace(self._data_dir / STATE_FILE)


def reset(data_dir: Path) -> list[Path]:
    """Delete the data of the three parts, their logs and the remembered ports; what was deleted.

    The cache of programs stays. Raises :class:`PlatformError` while a platform runs there.
    """
    if not data_dir.is_dir():
        return []
    with _own(data_dir.absolute(), QuietProgress()):
        doomed = [data_dir / name for name in (*_DATA, "log", _PORTS_FILE, STATE_FILE)]
        present = [path for path in doomed if path.exists()]
        for path in present:
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError as error:
                raise PlatformError(f"{path} cannot be deleted: {error.strerror}.") from error
        return present


def _ports(platform: PlatformSettings) -> Sequence[Port]:
    def usual(name: str) -> int:
        return int(PlatformSettings.model_fields[f"{name}_port"].default)

    visible = [
        Port(name, getattr(platform, f"{name}_port"), usual(name))
        for name in ("kafka", "registry", "clickhouse")
    ]
    return [*visible, Port("kafka_controller", 0, 0), Port("registry_management", 0, 0)]


def _own(data_dir: Path, progress: Progress) -> IO[str]:
    """Lock the data folder for this process and the guards of its children.

    The lock of a killed platform is released when its guards have stopped its parts: that is waited for.
    """
    path = data_dir / _LOCK_FILE
    try:
        lock = path.open("a+", encoding="ascii")
    except OSError as error:
        raise PlatformError(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    try:
        _acquire(lock, data_dir, progress)
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except BaseException:
        lock.close()
        raise
    return lock


def _acquire(lock: IO[str], data_dir: Path, progress: Progress) -> None:
    deadline_s = time.monotonic() + _LEFTOVER_S
    told = False
    while not _locks(lock):
        lock.seek(0)
        owner = int(lock.read().strip() or 0)
        if owner and _alive(owner):
            raise PlatformError(
                f"A platform (process {owner}) already uses the data folder {data_dir}.",
                hint="Stop it with 'bookmill platform stop', or set BOOKMILL_DATA_DIR to another folder.",
            )
        if time.monotonic() > deadline_s:
            raise PlatformError(
                f"Parts of a platform that was killed still run in the data folder {data_dir}."
            )
        if not told:
            progress.step("waiting for the parts of a killed platform to stop")
            told = True
        time.sleep(0.1)


def _locks(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True
