"""Parts of the pipeline as real child processes, for tests that watch, kill and restart them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from bookmill.settings import Settings

__all__ = ["RunningPart", "environment", "last_words", "wait_until"]

_KEPT = 12
_DATA = Path(tempfile.mkdtemp(prefix="bookmill-parts-"))
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
_logs: deque[Path] = deque(maxlen=_KEPT)
"""The logs of the parts started last: what a failed test shows."""


def last_words(characters: int = 1500) -> str:
    """The ends of the logs of the parts started last, each under its name."""
    return "\n".join(
        f"{log.parent.name}/{log.name}: {log.read_text(encoding='utf-8')[-characters:]}"
        for log in _logs
        if log.exists()
    )


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The process environment that makes a child use these settings; ``more`` by setting, ``worker__poll_records="10"``."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BOOKMILL_") or name == "BOOKMILL_CACHE_DIR"
    }
    chosen = {
        "data_dir": str(_DATA),
        "kafka__bootstrap_servers": settings.kafka.bootstrap_servers or "",
        "kafka__topic_prefix": settings.kafka.topic_prefix,
        "kafka__partitions": str(settings.kafka.partitions),
        "registry__url": settings.registry.url or "",
        "clickhouse__url": settings.clickhouse.url or "",
        "clickhouse__database": settings.clickhouse.database,
        **more,
    }
    return clean | {f"BOOKMILL_{name.upper()}": value for name, value in chosen.items()}


def wait_until(true: Callable[[], object], what: str, *, timeout_s: float = 60.0) -> None:
    """Return when ``true`` says so; fail with ``what`` otherwise."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


class RunningPart:
    """``bookmill <arguments>`` as a child; stopped at the end of the ``with`` block."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._arguments = arguments
        self._log_path = log
        self._environment = environment
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        if self._log_path not in _logs:
            _logs.append(self._log_path)
        self._offset = self._log_path.stat().st_size if self._log_path.exists() else 0
        with self._log_path.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bookmill", *self._arguments],
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def restart(self) -> None:
        """Start it again after it ended."""
        assert self.process.poll() is not None
        if self.process.stdout:
            self.process.stdout.close()
        self.process = self._start()

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, timeout_s: float = 40.0) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    @property
    def log(self) -> str:
        """What the running process has written to stderr."""
        with self._log_path.open(encoding="utf-8") as log:
            log.seek(self._offset)
            return log.read()

    @property
    def address(self) -> str:
        """Where its status is served; empty until it is."""
        for line in self.log.splitlines():
            if "status is served" in line:
                return next(word for word in line.split() if "http://" in word).rpartition("address=")[2]
        return ""

    def status(self) -> dict[str, Any]:
        """What it says at ``/status``; empty until it answers."""
        if address := self.address:
            try:
                found: dict[str, Any] = json.loads(httpx2.get(f"{address}/status", timeout=5).text)
            except httpx2.TransportError:
                found = {}
            if found:
                return found
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log[-2000:]}"
        return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop(20)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.stdout:
            self.process.stdout.close()
