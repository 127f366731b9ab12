"""The data folder has one owner, also when the owner is killed and its children are not gone yet."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookmill.errors import PlatformError
from embedded import folder
from embedded.progress import QuietProgress

QUIET = QuietProgress()


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with folder.acquire(tmp_path, QUIET):
        assert folder.owner(tmp_path) == os.getpid()
        with pytest.raises(PlatformError, match=f"process {os.getpid()}"):
            folder.acquire(tmp_path, QUIET)
    assert folder.owner(tmp_path) is None
    folder.acquire(tmp_path, QUIET).close()


def test_nobody_owns_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert folder.owner(tmp_path / "none") is None


def test_children_of_a_killed_owner_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "platform.lock"
    with path.open("w") as lock:  # held by a process that is not the owner written in it, like a guard's
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("999999999")
        lock.flush()
        guard = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(0.5)"], pass_fds=(lock.fileno(),)
        )
    folder.acquire(tmp_path, QUIET).close()
    assert guard.poll() is not None or guard.wait(5) == 0


def test_emptying_leaves_what_is_not_the_platforms(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "log").mkdir(parents=True)
    (tmp_path / "kafka" / "log" / "segment").write_text("x")
    (tmp_path / "ports.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("x")
    assert {path.name for path in folder.contents(tmp_path)} == {"kafka", "ports.json"}
    folder.empty(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "platform.lock"}


def test_emptying_is_refused_while_a_platform_runs(tmp_path: Path) -> None:
    with folder.acquire(tmp_path, QUIET), pytest.raises(PlatformError, match="already uses"):
        folder.empty(tmp_path)
