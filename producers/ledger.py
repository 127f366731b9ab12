"""The file in which all producers of one machine keep their accounts of REST weight (:mod:`producers.account`).

Times in it are those of the machine since it was started, the same in all its processes; after a restart of the machine they are
carried over by the calendar, since an exchange's ban outlives it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bookmill.errors import ConfigurationError, UnavailableError
from producers.budget import WINDOW_S

__all__ = ["LEDGER_FILE", "STEP_S", "Ledger", "machine_s"]

LEDGER_FILE = "rest-weight.sqlite"
"""Its name in the data folder."""

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL, calendar_ahead_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS spent (
    account TEXT, until_s REAL, weight INTEGER NOT NULL, PRIMARY KEY (account, until_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (
    account TEXT PRIMARY KEY, foreign_weight INTEGER NOT NULL, foreign_until_s REAL NOT NULL, blocked_until_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    account TEXT, waiter TEXT, urgency INTEGER NOT NULL, rank REAL NOT NULL, until_s REAL NOT NULL,
    PRIMARY KEY (account, waiter)
) WITHOUT ROWID;
"""
_BUSY_S = 1.0
"""How long another process may hold the file; a transaction takes a fraction of a millisecond."""
_OPEN_S = 10.0
STEP_S = 0.1
"""Weight spent within such a step is one row: an account stays small however many small calls are made."""
_LONGEST_BAN_S = 3 * 86_400.0


def machine_s() -> float:
    """Seconds since the machine was started, where it sleeps those too: the same in all its processes."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _boot_id() -> str:
    """Names this run of the machine; empty where the system has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Ledger:
    """The file, or with None a ledger that this process keeps for itself. May be used from several threads.

    Raises :class:`ConfigurationError` where the file cannot be used; later :class:`UnavailableError`, and then nothing
    is spent.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float] = machine_s,
        calendar: Callable[[], float] = time.time,
        boot: Callable[[], str] = _boot_id,
    ) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._open(boot(), calendar() - clock())
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"The account of REST weight cannot be kept in {path}: {error}.",
                hint="Set BOOKMILL_DATA_DIR to a folder that can be written, on a local disk; a damaged file may be removed.",
            ) from error

    def waiter(self) -> str:
        """A name for somebody who waits, of nobody else in any process."""
        return f"{os.getpid()}-{secrets.token_hex(4)}"

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _open(self, boot: str, calendar_ahead_s: float) -> None:
        end_s = time.monotonic() + _OPEN_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(
                    "PRAGMA synchronous = OFF"
                )  # what a crash of the machine loses is a minute old by then
                with self._changing():
                    self._make(boot, calendar_ahead_s)
            except sqlite3.OperationalError as error:
                # Several processes that open a new file at once get in each other's way, waiting or not.
                if "locked" not in str(error) or time.monotonic() > end_s:
                    raise
                time.sleep(0.02)
            else:
                return

    def _make(self, boot: str, calendar_ahead_s: float) -> None:
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise sqlite3.DatabaseError(f"it has version {version}, this program writes {_VERSION}")
        for statement in _TABLES.split(";")[:-1]:
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {_VERSION}")
        found = self._db.execute("SELECT id, calendar_ahead_s FROM boot").fetchone()
        if found is None:
            self._db.execute("INSERT INTO boot VALUES (?, ?)", (boot, calendar_ahead_s))
        elif found[0] != boot:
            shift_s = found[1] - calendar_ahead_s
            self._db.execute("UPDATE boot SET id = ?, calendar_ahead_s = ?", (boot, calendar_ahead_s))
            self._db.execute("DELETE FROM waiting")
            self._db.execute("UPDATE spent SET until_s = until_s + ?", (shift_s,))
            self._db.execute(
                "UPDATE told SET foreign_until_s = foreign_until_s + ?, blocked_until_s = blocked_until_s + ?",
                (shift_s, shift_s),
            )
        # No call counts for longer than a minute, no ban lasts longer than the longest: whatever the clocks did.
        now_s = self._clock()
        self._db.execute(
            "DELETE FROM spent WHERE until_s <= ? OR until_s > ?", (now_s, now_s + WINDOW_S + STEP_S)
        )
        self._db.execute(
            "UPDATE told SET foreign_until_s = min(foreign_until_s, ?), blocked_until_s = min(blocked_until_s, ?)",
            (now_s + WINDOW_S, now_s + _LONGEST_BAN_S),
        )

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def change(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """One transaction, alone among all processes, and the time in it."""
        with self._using(), self._changing() as db:
            yield db, self._clock()

    @contextmanager
    def look(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Read without waiting for anybody, and the time."""
        with self._using():
            yield self._db, self._clock()

    @contextmanager
    def _using(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise UnavailableError(
                    f"The account of REST weight in {self._path} cannot be used: {error}."
                ) from error
