"""The ``chdb`` engine with one data folder, used by many threads.

A chdb connection is a session: its own current database and settings; statements on different connections run at the
same time, on one connection one after another. Opening one takes under a millisecond, so a request without a session id
gets a new one, and its settings die with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chdb

from embedded.clickhouse.errors import ClickHouseError
from embedded.clickhouse.statement import first_word

__all__ = ["Engine", "Session"]

_SESSIONS = 256
_SESSION_TIMEOUT_S = 60.0
_SESSION_TIMEOUT_MAX_S = 3600.0
_REMEMBERED_SETS = 100
_LIKE_A_SERVER = (
    "implicit_select=0"  # the engine's own default is clickhouse-local's: "1 + 1" would be a query
)


@dataclass
class Session:
    """One chdb connection; ``id`` is empty when it lives for one request only."""

    id: str
    connection: Any
    timeout_s: float = _SESSION_TIMEOUT_S
    used_s: float = 0.0
    busy: bool = False
    database: str = ""
    sets: list[str] = field(default_factory=list)

    def use(self, database: str) -> None:
        """Make ``database`` the current one."""
        if database and database != self.database:
            self.run(f"USE `{database.replace('`', '``')}`")
            self.database = database

    @contextmanager
    def settings(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Have these settings for one statement. What the session set itself by ``SET`` comes back afterwards."""
        if not settings:
            yield
            return
        self.run("SET " + ", ".join(f"{_name(name)} = {_quoted(value)}" for name, value in settings.items()))
        try:
            yield
        finally:
            if self.id:
                self.run("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))
                for statement in self.sets:
                    self.run(statement)

    def run(
        self, statement: str | bytes, format_name: str = "TabSeparated", parameters: Mapping[str, str] = {}
    ) -> Any:
        """Run one statement to its end; chdb's result. Raises :class:`ClickHouseError`."""
        try:
            return self.connection.query(statement, format_name, dict(parameters))
        except (chdb.ChdbError, RuntimeError) as error:
            raise ClickHouseError.of(error) from error

    def remember(self, statement: str) -> None:
        """Note what changes the session itself."""
        word = first_word(statement) if self.id else ""
        if word == "SET":
            self.sets = [*self.sets, statement][-_REMEMBERED_SETS:]
        elif word == "USE":
            self.database = ""  # known again at the next request that names one


class Engine:
    """Owns the data folder from construction to :meth:`close`."""

    def __init__(self, data: Path) -> None:
        self._path = f"{data}?{_LIKE_A_SERVER}"
        self._owner = chdb.connect(self._path)  # keeps the engine up between requests
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._closing = False
        server = self._owner.query("SELECT version(), timezone(), hostName()", "TabSeparated")
        self.version, self.timezone, self.host_name = server.bytes().decode().strip().split("\t")

    @contextmanager
    def session(self, session_id: str, timeout_s: float | None, *, must_exist: bool) -> Iterator[Session]:
        """The session of that id (kept for later requests), or one for this request only when the id is empty."""
        if not session_id:
            session = Session("", self._connect())
            try:
                yield session
            finally:
                session.connection.close()
            return
        session = self._take(session_id, must_exist=must_exist)
        if timeout_s is not None:
            session.timeout_s = min(timeout_s, _SESSION_TIMEOUT_MAX_S)
        try:
            yield session
        finally:
            with self._lock:
                session.used_s = time.monotonic()
                session.busy = False

    def close(self) -> None:
        """Close every session and the engine; data is on disk afterwards."""
        with self._lock:
            self._closing = True
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.connection.close()
        self._owner.close()

    def _connect(self) -> Any:
        if self._closing:
            raise ClickHouseError.own(439, "CANNOT_SCHEDULE_TASK", "The server is shutting down.")
        try:
            return chdb.connect(self._path)
        except RuntimeError as error:
            raise ClickHouseError.of(error) from error

    def _take(self, session_id: str, *, must_exist: bool) -> Session:
        with self._lock:
            self._expire()
            session = self._sessions.get(session_id)
            if session is None:
                if must_exist:
                    raise ClickHouseError.own(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
                if len(self._sessions) >= _SESSIONS:
                    raise ClickHouseError.own(
                        202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"There are {_SESSIONS} sessions."
                    )
                session = self._sessions[session_id] = Session(session_id, self._connect())
            elif session.busy:
                raise ClickHouseError.own(
                    373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client"
                )
            session.busy = True
            return session

    def _expire(self) -> None:
        """Close what was not used for its timeout, and the longest unused one when there are too many."""
        now_s = time.monotonic()
        idle = sorted((s for s in self._sessions.values() if not s.busy), key=lambda s: s.used_s)
        for position, session in enumerate(idle):
            too_many = len(self._sessions) >= _SESSIONS and position == 0
            if too_many or now_s - session.used_s > session.timeout_s:
                self._sessions.pop(session.id).connection.close()


def _name(name: str) -> str:
    if not name.isidentifier():
        raise ClickHouseError.own(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
    return name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
