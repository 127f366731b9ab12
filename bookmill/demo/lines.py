"""Tells about a running pipeline in plain lines, where there is no terminal to draw on."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from bookmill.demo.picture import Picture
from bookmill.demo.supervisor import State

__all__ = ["Lines", "line"]

_EVERY_S = 5.0


class Lines:
    """Writes to stderr: a line when something changes its state, and one with the figures every few seconds."""

    def __init__(self) -> None:
        self._state = ""
        self._address = ""
        self._parts: dict[str, State] = {}
        self._notes: dict[str, str] = {}
        self._told_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, picture: Picture) -> None:
        """Tell what is new."""
        for part in picture.parts:
            if self._parts.get(part.name) is not part.state:
                self._parts[part.name] = part.state
                _write(f"{picture.uptime_s:6.1f} s  {part.name}: {part.state.value}")
            if part.note != self._notes.get(part.name, ""):
                self._notes[part.name] = part.note
                _write(f"{picture.uptime_s:6.1f} s  {part.name}: {part.note or 'all is well again'}")
        if picture.address != self._address:
            self._address = picture.address
            _write(f"{picture.uptime_s:6.1f} s  dashboard: {picture.address}")
        now_s = time.monotonic()
        # How many records are left changes all the time; what is being waited for does not.
        state = picture.state.partition(":")[0]
        if state != self._state or now_s - self._told_s >= _EVERY_S:
            self._state, self._told_s = state, now_s
            _write(line(picture))


def line(picture: Picture) -> str:
    """The figures in one line."""
    lags = ", ".join("-" if lag is None else f"{lag:,}" for lag in (picture.worker_lag, picture.sink_lag))
    return (
        f"{picture.uptime_s:6.1f} s  {picture.state}: in {picture.frames_s:,.0f} frames/s, out {picture.events_s:,.0f} events/s, "
        f"stored {picture.rows_s:,.0f} rows/s, lag {lags}, books {picture.live_books}/{len(picture.books)} live, "
        f"gaps {picture.gaps}, dead letters {picture.dead_letters}, restarts {picture.restarts}"
    )


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
