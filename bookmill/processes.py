"""Start parts as child processes that end with their parent, however the parent ends.

A :class:`Child` runs under a small guard process (``_guard.py``) in a session of its own: Ctrl-C in the terminal reaches
only the parent, which stops its children in the order it wants; and when the parent is killed the guard stops the child.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from bookmill.errors import BookmillError

__all__ = ["Child", "last_lines"]

_GUARD = Path(__file__).with_name("_guard.py")
_LOG_BYTES = 16 * 1024 * 1024  # a longer log is put aside as <name>.1 at the next start
_GUARD_EXTRA_S = 5.0


class Child:
    """One program with its log file.

    ``name`` is for messages; ``argv`` the program and its arguments; ``env`` its whole environment (the parent's by
    default); ``log_path`` gets its output, appended; ``grace_s`` is the time from SIGTERM to SIGKILL. The guard keeps the
    file descriptors ``held`` open as long as the program runs (a file lock held so outlives a killed parent). ``gives_way`` is how
    far it lets other programs go first where there is not enough processor for all, 0 to 19 as ``nice`` has it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path | None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = 10.0,
        held: Sequence[int] = (),
        gives_way: int = 0,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self.grace_s = grace_s
        self._argv = tuple(argv)
        self._env = env
        self._cwd = cwd
        self._held = tuple(held)
        self._gives_way = gives_way
        self._guard: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The program's own pid (not its guard's); None before :meth:`start` and when it could not be started."""
        return self._pid

    @property
    def guard_pid(self) -> int | None:
        """The guard's pid; None before :meth:`start`."""
        return None if self._guard is None else self._guard.pid

    def start(self) -> None:
        """Start the program; raises :class:`BookmillError` when the operating system refuses to."""
        if self._guard is not None and self._guard.poll() is None:
            raise BookmillError(f"The {self.name} is already running.")
        self._close_control()
        ours, theirs = socket.socketpair()
        with theirs, self._output() as log:
            command = [
                sys.executable, "-I", "-S", str(_GUARD),
                str(theirs.fileno()), str(self.grace_s), str(self._gives_way), *self._argv,
            ]  # fmt: skip
            try:
                self._guard = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    pass_fds=(theirs.fileno(), *self._held),
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise BookmillError(f"The {self.name} cannot be started: {error.strerror}.") from error
        self._control = ours
        line = ours.recv(32)
        self._pid = int(line) if line else None

    def poll(self) -> int | None:
        """The exit status (128 + n when signal n ended it), or None while it runs."""
        if self._guard is None:
            return None
        status = self._guard.poll()
        if status is not None:
            self._close_control()
        return status

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the end: the exit status, or None when it still runs after ``timeout_s`` seconds."""
        if self._guard is None:
            return None
        try:
            self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return self.poll()

    def terminate(self) -> None:
        """Ask it to stop and return at once; the guard kills it when the grace time is over."""
        if self._guard is not None and self._guard.poll() is None:
            self._guard.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as ``kill -9`` would (for tests of recovery)."""
        if self._guard is not None and self._guard.poll() is None:
            self._guard.kill()
            self._guard.wait()
        self._close_control()

    def stop(self) -> int | None:
        """Ask it to stop and wait for its end; the exit status, None when it was never started. Safe to repeat."""
        self.terminate()
        status = self.wait(self.grace_s + _GUARD_EXTRA_S)
        if status is None:
            self.kill()
            status = self.poll()
        return status

    def _output(self) -> BinaryIO:
        if self.log_path is None:
            return os.fdopen(os.dup(2), "wb", 0)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        _put_aside_when_long(self.log_path)
        return self.log_path.open("ab")

    def _close_control(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def last_lines(path: Path, count: int = 10) -> list[str]:
    """The end of a log file, without blank lines; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 16_384))
            text = log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def _put_aside_when_long(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
