"""What Kafka, the registry and ClickHouse have in common: install, start, answer, stop."""

from __future__ import annotations

import http.client
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from bookmill.errors import PlatformError
from bookmill.processes import Child, last_lines
from embedded.artifacts import ArtifactCache
from embedded.progress import Progress

__all__ = ["Part", "Place", "answers"]

_START_TIMEOUT_S = 120.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Place:
    """Where a part lives: its data folder, its log file, the shared cache, descriptors its guard keeps open, flags for Java; and how
    far it gives way to other programs."""

    data: Path
    log: Path
    cache: ArtifactCache
    cache_dir: Path
    held: Sequence[int] = ()
    java_flags: Sequence[str] = ()
    gives_way: int = 0


class Part(ABC):
    """One server of the platform."""

    key: str  # as in the settings and in file names
    name: str  # as in sentences
    grace_s = 20.0

    def __init__(self, place: Place) -> None:
        self.place = place
        self._child: Child | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """What clients are configured with."""

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Make its data folder and what else it needs, where that is not done yet; its artifacts have been fetched."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The program's environment."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether clients get answers now."""

    @property
    def pid(self) -> int | None:
        """The server's pid once started."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it and wait until it answers; raises :class:`PlatformError` with the end of its log when it does not."""
        child = self._child = Child(
            self.name,
            self.command(),
            log_path=self.place.log,
            env=self.environment(),
            grace_s=self.grace_s,
            held=self.place.held,
            gives_way=self.place.gives_way,
        )
        child.start()
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not self.answers():
            if self._child is not child:
                raise PlatformError(f"{self.name} was stopped while it started.")
            if problem := self.problem():
                raise PlatformError(problem)
            if time.monotonic() > deadline_s:
                raise PlatformError(
                    f"{self.name} does not answer {_START_TIMEOUT_S:.0f} s after its start.",
                    hint=f"Its log is {self.place.log}.",
                )
            time.sleep(_POLL_S)

    def problem(self) -> str:
        """One sentence when it has ended by itself, else nothing."""
        status = None if self._child is None else self._child.poll()
        if status is None:
            return ""
        cause = _cause(last_lines(self.place.log, 60))
        return f"{self.name} has stopped (exit status {status}): {cause} Its log is {self.place.log}."

    def stop(self) -> None:
        """Stop it and wait for its end. Safe to repeat."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End it as ``kill -9`` would (for tests of recovery)."""
        if self._child is not None:
            self._child.kill()
            self._child = None


def answers(url: str) -> bool:
    """Whether a GET on this local ``http`` URL is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _cause(lines: Sequence[str]) -> str:
    """The line of a log that says most likely why the program ended."""
    telling = [
        line
        for line in lines
        if "ERROR" in line or "FATAL" in line or "Error:" in line or "Exception:" in line
    ]
    line = (telling or list(lines) or ["it wrote nothing."])[-1].strip()[:300]
    return line if line.endswith(".") else line + "."
