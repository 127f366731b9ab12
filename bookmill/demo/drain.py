"""Decides how long a part is waited for that has records left to deal with: as long as it gets on with them."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable

__all__ = ["Drain", "Verdict"]


class Verdict(enum.Enum):
    """What a look at the records left says."""

    DONE = "done"
    WAIT = "wait"
    STUCK = "stuck"


class Drain:
    """One part's last records. ``patience_s``: how long their number may stay as it is."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.left = 0
        self._patience_s = patience_s
        self._clock = clock
        self._least: int | None = None
        self._progress_s = clock()

    def look(self, left: int | None) -> Verdict:
        """So many are left now; None when nobody can tell, which is no progress."""
        if left is not None:
            self.left = left
            if left == 0:
                return Verdict.DONE
            if self._least is None or left < self._least:
                self._least, self._progress_s = left, self._clock()
                return Verdict.WAIT
        return Verdict.STUCK if self._clock() - self._progress_s > self._patience_s else Verdict.WAIT
