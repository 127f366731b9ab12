"""Keeps a platform running until it is told to stop: in the foreground, or in the background as its own process.

``python -m embedded.supervisor <fd>`` is the background: progress and the outcome of the start go to the pipe ``fd`` as
JSON lines (``{"step": …}``, then ``{"ready": true}`` or ``{"error": …}``), everything later to the log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog

from bookmill import log, settings_loading
from bookmill.errors import BookmillError, PlatformError
from bookmill.settings import Settings
from embedded.platform import Platform
from embedded.progress import Progress, QuietProgress

__all__ = ["main", "supervise"]

_CHECK_S = 0.5
_RESTARTS = 5
_RESTARTS_WITHIN_S = 600.0

_log = structlog.get_logger(__name__)


class _StopRequestedError(BaseException):
    """SIGTERM or SIGINT has come. Not an ``Exception``: nothing but :func:`supervise` may catch it."""


def supervise(settings: Settings, progress: Progress, ready: Callable[[Platform], None]) -> None:
    """Start a platform, call ``ready``, start again what dies, and stop it in order on SIGTERM or SIGINT.

    Raises :class:`PlatformError` when it cannot be started, or when parts die again and again.
    """
    with _stop_signals(), Platform(settings, progress) as platform, suppress(_StopRequestedError):
        ready(platform)
        restarts: deque[float] = deque(maxlen=_RESTARTS)
        while True:
            time.sleep(_CHECK_S)
            for problem in platform.restart_ended():
                _log.error("a part ended and was started again", problem=problem)
                restarts.append(time.monotonic())
            if len(restarts) == _RESTARTS and restarts[-1] - restarts[0] < _RESTARTS_WITHIN_S:
                raise PlatformError(
                    f"Parts of the platform ended {_RESTARTS} times in a short time; it is given up."
                )


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Have SIGTERM and SIGINT raise once; later ones are ignored, stopping takes its time."""

    def request(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise _StopRequestedError

    before = {number: signal.signal(number, request) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with suppress(_StopRequestedError):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _PipeProgress(QuietProgress):
    """Tells the command that waits; when it has gone away nobody needs to know."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def step(self, text: str) -> None:
        self.send(step=text)

    def send(self, **values: Any) -> None:
        with suppress(BrokenPipeError):
            os.write(self._fd, json.dumps(values).encode() + b"\n")


def main(fd: int) -> int:
    """The background process; its exit status."""
    progress = _PipeProgress(fd)

    def ready(platform: Platform) -> None:
        progress.send(ready=True)
        os.close(fd)
        _log.info("the platform runs", pids=platform.pids())

    try:
        settings = settings_loading.load()
        log.configure(settings.log)
        supervise(settings, progress, ready)
    except BookmillError as error:
        _log.error("the platform has stopped", error=str(error))
        with suppress(OSError):  # closed when it was ready before
            progress.send(error=error.message, hint=error.hint)
        return 1
    _log.info("the platform has stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
