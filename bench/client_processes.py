"""Clients of the gateway as child processes, and what they have to say."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.stage import Stage
from bookmill.errors import BookmillError
from bookmill.processes import last_lines

__all__ = ["client", "clients", "last_words", "wait_connected"]

_CLIENTS_S = 120.0


def client(stage: Stage, job: str, **options: Any) -> tuple[str, list[str], dict[str, str]]:
    """What :meth:`Stage.child` starts a process of clients with: see :mod:`bench.gateway_clients` for the jobs."""
    argv = [sys.executable, "-m", "bench.gateway_clients", job, json.dumps(options)]
    return f"clients {job}", argv, stage.plain_environment()


def clients(stage: Stage, job: str, **options: Any) -> dict[str, Any]:
    """What a process of clients has to say when it is done."""
    with stage.child(*client(stage, job, **options)) as child:
        deadline_s = time.monotonic() + _CLIENTS_S
        while (status := child.poll()) is None and time.monotonic() < deadline_s:
            time.sleep(0.2)
        if status != 0:
            raise BookmillError(f"The clients ended with {status}; their last words: {last_words(child)}")
        said: dict[str, Any] = json.loads(Path(child.log_path).read_text(encoding="utf-8").splitlines()[-1])
        return said


def wait_connected(child: Any) -> None:
    """Until the process says so."""
    deadline_s = time.monotonic() + _CLIENTS_S
    while "connected" not in last_lines(child.log_path, 5):
        if child.poll() is not None or time.monotonic() > deadline_s:
            raise BookmillError(f"Not all clients are connected; their last words: {last_words(child)}")
        time.sleep(0.2)


def last_words(child: Any) -> str:
    """The last line, or the last one that names an error: a group of them ends with a frame around it."""
    lines = last_lines(child.log_path, 40)
    named = [line.strip(" |") for line in lines if "Error" in line]
    return (named or lines or ["none"])[-1]
