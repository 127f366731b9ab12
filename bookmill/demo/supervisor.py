"""Keeps one part of the pipeline running: starts it, sees that it answers, starts it again when it ends.

States and what leads on::

    WAITING ──start()──▶ STARTING ──answers──▶ UP
                            ▲  │ended            │ended
                   time over│  ▼                 ▼
                            RESTARTING ◀─────────┘
    any ──stop()──▶ STOPPING ──ended──▶ ENDED

No threads and no signals: whoever runs the pipeline calls :meth:`Supervised.step` a few times a second.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from typing import Protocol

from bookmill.backoff import delay_s
from bookmill.errors import BookmillError

__all__ = ["Process", "State", "Supervised", "backoff_s"]

_BACKOFF_FIRST_S = 0.5
_BACKOFF_MOST_S = 15.0
_PROVEN_S = 30.0


class State(enum.Enum):
    """Where a part stands."""

    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    ENDED = "ended"


class Process(Protocol):
    """What is needed of :class:`bookmill.processes.Child`."""

    @property
    def pid(self) -> int | None:
        """The program's pid once started."""

    def start(self) -> None:
        """Start it."""

    def poll(self) -> int | None:
        """The exit status, None while it runs."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """End it at once."""


def backoff_s(failures: int) -> float:
    """How long to wait before starting again after so many failures in a row; parts of one machine need no jitter."""
    return delay_s(failures, initial_s=_BACKOFF_FIRST_S, max_s=_BACKOFF_MOST_S, jitter=1.0)


class Supervised:
    """One part. ``launch`` makes its process anew for each start; ``said`` gives the last words of one that ended.

    ``restarts`` counts starts after the first; ``incarnation`` the processes so far; ``ended_with`` is the last exit
    status. A part that ends ``attempts`` times before it ever answered does not work at all: :meth:`step` raises then.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], Process],
        *,
        said: Callable[[], str],
        attempts: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.state = State.WAITING
        self.restarts = 0
        self.incarnation = 0
        self.ended_with: int | None = None
        self._launch = launch
        self._said = said
        self._attempts = attempts
        self._clock = clock
        self._process: Process | None = None
        self._proven = False
        self._failures = 0
        self._since_s = clock()

    @property
    def pid(self) -> int | None:
        """Of the running process; None when there is none."""
        running = self.state in {State.STARTING, State.UP, State.STOPPING}
        return self._process.pid if self._process and running else None

    @property
    def state_s(self) -> float:
        """Seconds in the present state."""
        return self._clock() - self._since_s

    @property
    def running(self) -> bool:
        """Whether there is a process, or will be one."""
        return self.state not in {State.WAITING, State.ENDED}

    def start(self) -> None:
        """Start it; raises :class:`BookmillError` when the operating system refuses."""
        self._process = self._launch()
        self._process.start()
        self.incarnation += 1
        self._enter(State.STARTING)

    def step(self, *, answers: bool) -> None:
        """Look after it; ``answers`` is whether this process is known to answer.

        Raises :class:`BookmillError` with the part's own last words when it cannot be brought up.
        """
        if self.state is State.RESTARTING:
            if self.state_s >= backoff_s(self._failures):
                self.restarts += 1
                self.start()
            return
        status = self._process.poll() if self._process and self.running else None
        if status is not None:
            self._ended(status)
        elif self.state is State.STARTING and answers:
            self._proven = True
            self._enter(State.UP)
        elif self.state is State.UP and self.state_s >= _PROVEN_S:
            self._failures = 0

    def stop(self) -> None:
        """Ask it to stop; :meth:`step` sees the end. Safe to repeat."""
        if self.state in {State.WAITING, State.RESTARTING}:
            self._enter(State.ENDED)
        elif self.state in {State.STARTING, State.UP} and self._process:
            self._process.terminate()
            self._enter(State.STOPPING)

    def kill(self) -> None:
        """End it at once."""
        if self._process and self.running:
            self._process.kill()
        self._enter(State.ENDED)

    def _ended(self, status: int) -> None:
        self.ended_with = status
        if self.state is State.STOPPING:
            self._enter(State.ENDED)
            return
        self._failures += 1
        self._enter(State.RESTARTING)
        if not self._proven and self._failures >= self._attempts:
            self._enter(State.ENDED)
            said = self._said() or f"it ended with exit status {status} and said nothing."
            raise BookmillError(f"The {self.name} does not start: {said}")

    def _enter(self, state: State) -> None:
        self.state = state
        self._since_s = self._clock()
