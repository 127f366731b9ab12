"""A platform in the background: start it, stop it, ask how it is, from another process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bookmill.addresses import embedded_state
from bookmill.errors import PlatformError
from bookmill.processes import last_lines
from bookmill.settings import Settings
from embedded import folder
from embedded.part import answers
from embedded.platform import Platform
from embedded.progress import Progress

__all__ = ["start", "status", "stop"]

_STOP_S = 90.0


def start(settings: Settings, progress: Progress) -> bool:
    """Start one and return when it answers; False when one runs already.

    Programs are fetched here, where the user sees the bar; the supervisor is then started detached from this terminal,
    with the same environment and working folder, so that it reads the same settings.
    Raises :class:`PlatformError` with what it says when it cannot.
    """
    if folder.owner(settings.data_dir) and embedded_state(settings.data_dir):
        return False
    Platform(settings, progress).fetch()
    path = settings.data_dir.absolute() / "log" / "platform.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    try:
        with path.open("ab") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "embedded.supervisor", str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(reader)
        raise PlatformError(f"The platform cannot be started: {error.strerror}.") from error
    finally:
        os.close(writer)
    try:
        _follow(reader, progress, path)
    except BaseException:  # Ctrl-C while it starts means: do not
        supervisor.terminate()
        supervisor.wait()
        raise
    return True


def stop(settings: Settings) -> bool:
    """Ask its process to stop and wait until it has; False when none runs."""
    pid = folder.owner(settings.data_dir)
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise PlatformError(f"The platform (process {pid}) belongs to another user.") from error
    deadline_s = time.monotonic() + _STOP_S
    while folder.owner(settings.data_dir) == pid:
        if time.monotonic() > deadline_s:
            raise PlatformError(f"The platform (process {pid}) has not stopped after {_STOP_S:.0f} s.")
        time.sleep(0.05)
    return True


def status(settings: Settings) -> dict[str, Any]:
    """JSON-able: ``running``, ``healthy``, ``installed``, ``data_dir`` and, when running, ``pid``, ``started`` and ``parts`` by name,
    each with ``address``, ``answers``, ``pid`` and ``memory_mib``."""
    state: dict[str, Any] | None = embedded_state(settings.data_dir)
    data_dir = str(settings.data_dir.absolute())
    if state is None or folder.owner(settings.data_dir) is None:
        installed = Platform(settings).fetched
        return {"running": False, "healthy": False, "installed": installed, "data_dir": data_dir}
    host, _, port = state["kafka"].rpartition(":")
    alive = {
        "kafka": _listens(host, int(port)),
        "registry": answers(f"{state['registry']}/subjects"),
        "clickhouse": answers(f"{state['clickhouse']}/ping"),
    }
    parts = {
        name: {
            "address": state[name],
            "answers": alive[name],
            "pid": state["pids"][name],
            "memory_mib": _memory_mib(state["pids"][name]),
        }
        for name in alive
    }
    return {
        "running": True,
        "installed": True,
        "healthy": all(alive.values()),
        "data_dir": data_dir,
        "pid": state["pid"],
        "started": state["started"],
        "parts": parts,
    }


def _follow(reader: int, progress: Progress, path: Path) -> None:
    """Show the steps until the start has ended one way or the other."""
    with os.fdopen(reader, encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            if "step" in message:
                progress.step(message["step"])
            elif "error" in message:
                raise PlatformError(message["error"], hint=message["hint"])
            else:
                return
    said = last_lines(path, 1)
    raise PlatformError(
        f"The platform ended while it started: {said[0] if said else 'it said nothing'}",
        hint=f"Its log is {path}.",
    )


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2.0).close()
    except OSError:
        return False
    return True


def _memory_mib(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) >> 20
    except psutil.Error:
        return 0
