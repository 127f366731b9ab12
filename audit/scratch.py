"""Tables of one run: made like the real ones, filled from the raw log, dropped at the end, however that comes.

Their names say whose they are: a run that was killed leaves tables which the next run on that machine finds and drops; what others
left is dropped when it is older than a day.
"""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterable, Sequence
from typing import Self

import psutil
import structlog

from schemas.catalogue import Topic
from sinks.client import Store
from sinks.tables import statements

__all__ = ["Scratch", "is_left_over", "run_name"]

_log = structlog.get_logger(__name__)
_PREFIX = "audit_"
_DAY_S = 86_400


def run_name() -> str:
    """Machine, process and start: unlike that of any other run."""
    pid = os.getpid()
    return f"{_PREFIX}{_host():08x}_{pid}_{int(psutil.Process(pid).create_time())}_{time.time_ns() % 1_000_000:06d}"


def _host() -> int:
    return zlib.crc32(socket.gethostname().encode())


def is_left_over(table: str, *, now_s: float) -> bool:
    """Whether a scratch table's run is over: its process is gone, or (another machine's) it began more than a day ago."""
    try:
        host, pid, started_s = table.removeprefix(_PREFIX).split("_")[:3]
        if int(host, 16) != _host():
            return now_s - int(started_s) > _DAY_S
        return int(psutil.Process(int(pid)).create_time()) != int(started_s)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False


class Scratch:
    """One table for each of ``topics``, in ``database``; a context manager that drops them."""

    def __init__(self, store: Store, database: str, topics: Sequence[Topic]) -> None:
        self.run = run_name()
        self._store = store
        self._database = database
        self._topics = topics
        self.names = {topic.name: f"{self.run}_{topic.name}" for topic in topics}
        """By the table they are like."""

    def __enter__(self) -> Self:
        self._drop_left_over()
        try:
            for topic in self._topics:
                for statement in statements(topic.name, self._database, name=self.names[topic.name]):
                    self._store.command(statement)
        except BaseException:
            self._drop(self.names.values())
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._drop(self.names.values())

    def keep(self, table: str) -> None:
        """What is like ``table`` is not dropped at the end."""
        self.names.pop(table, None)

    def _drop_left_over(self) -> None:
        names = [
            str(name)
            for (name,) in self._store.rows(
                f"SELECT name FROM system.tables WHERE database = '{self._database}' AND startsWith(name, '{_PREFIX}')"
            )
        ]
        left = [name for name in names if is_left_over(name, now_s=time.time())]
        if left:
            _log.info("tables of a killed run are dropped", count=len(left))
            self._drop(left)

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._store.command(f"DROP TABLE IF EXISTS {self._database}.{name} SYNC")
