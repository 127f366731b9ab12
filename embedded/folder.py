"""The platform's data folder: who owns it, and emptying it.

The lock is held by the owner and by the guards of its children. After an owner was killed it is free when the last of its
parts has stopped, so that two brokers are never on one folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import IO

from bookmill.addresses import STATE_FILE
from bookmill.errors import PlatformError
from embedded.progress import Progress, QuietProgress

__all__ = ["PORTS_FILE", "acquire", "contents", "empty", "owner"]

PORTS_FILE = "ports.json"

_LOCK_FILE = "platform.lock"
_LEFTOVER_S = 60.0


def acquire(data_dir: Path, progress: Progress) -> IO[str]:
    """Own the folder until the file returned is closed; raises :class:`PlatformError` when another process does.

    Parts of a killed platform are waited for.
    """
    try:
        lock = (data_dir / _LOCK_FILE).open("a+", encoding="ascii")
    except OSError as error:
        raise PlatformError(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    try:
        _wait_for(lock, data_dir, progress)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except BaseException:
        lock.close()
        raise
    return lock


def owner(data_dir: Path) -> int | None:
    """The pid of the process whose platform uses the folder; None when none does."""
    try:
        with (data_dir / _LOCK_FILE).open("r", encoding="ascii") as lock:
            return None if _locks(lock) else _living_owner(lock)
    except FileNotFoundError:
        return None


def contents(data_dir: Path) -> list[Path]:
    """What :func:`empty` would delete: the data of the parts, their logs, the remembered ports."""
    names = ("kafka", "registry", "clickhouse", "log", PORTS_FILE, STATE_FILE)
    return [path for path in (data_dir / name for name in names) if path.exists()]


def empty(data_dir: Path) -> None:
    """Delete :func:`contents`; raises :class:`PlatformError` while a platform runs there or when a file cannot be deleted."""
    if not data_dir.is_dir():
        return
    with acquire(data_dir, QuietProgress()):
        for path in contents(data_dir):
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            except OSError as error:
                raise PlatformError(f"{path} cannot be deleted: {error.strerror}.") from error


def _wait_for(lock: IO[str], data_dir: Path, progress: Progress) -> None:
    deadline_s = time.monotonic() + _LEFTOVER_S
    told = False
    while not _locks(lock):
        if pid := _living_owner(lock):
            raise PlatformError(
                f"A platform (process {pid}) already uses the data folder {data_dir}.",
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


def _living_owner(lock: IO[str]) -> int | None:
    lock.seek(0)
    text = lock.read().strip()
    if not text.isdecimal():
        return None
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it is another user's
    return int(text)
