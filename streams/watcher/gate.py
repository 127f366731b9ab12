"""Begun or not: the one switch behind every alert, with the way back it has to go and the pause after it."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Gate", "Move"]

Move = Literal["fired", "cleared", "suppressed"]

_Phase = Literal["idle", "told", "held", "silent"]


class Gate(msgspec.Struct, array_like=True):
    """What a rule watches for, of one instrument.

    ``idle``: it is not so. ``told``: it is, and an alert says so. ``held``: it is, and nothing was said because of the pause; when the
    pause is over and it is still so, it is said. ``silent``: it was so before anything could begin.
    """

    phase: _Phase = "idle"

    def move(
        self, *, over: bool, back: bool, now_micros: int, told_micros: int | None, pause_micros: int
    ) -> Move | None:
        """What has happened now. ``over``: it is so; ``back``: it clearly is not; neither: in between, where it stays what it was.

        ``told_micros``: when an alert was made last.
        """
        paused = told_micros is not None and now_micros - told_micros < pause_micros
        if over and self.phase in ("idle", "held"):
            if paused:
                first, self.phase = self.phase == "idle", "held"
                return "suppressed" if first else None
            self.phase = "told"
            return "fired"
        if back and self.phase != "idle":
            told, self.phase = self.phase == "told", "idle"
            return "cleared" if told else None
        return None

    def begin(self, *, over: bool) -> None:
        """The first that is seen of it: what is so already has not begun now."""
        self.phase = "silent" if over else "idle"
