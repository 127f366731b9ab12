"""Counters that go on counting when the part that counts is started again, and their rates."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

__all__ = ["Tally"]

_WINDOW_S = 4.0


class Tally:
    """Totals over all incarnations of the parts. A new process counts from 0; what the one before had is kept."""

    def __init__(self) -> None:
        self._present: dict[str, tuple[int, Mapping[str, int]]] = {}
        self._before: Counter[str] = Counter()
        self._history: dict[str, deque[tuple[float, int]]] = {}

    def update(self, part: str, incarnation: int, counters: Mapping[str, int], now_s: float) -> None:
        """What a part's process counts now; names have to be unique over the parts."""
        known, values = self._present.get(part, (incarnation, {}))
        if known != incarnation:
            self._before.update(values)
        self._present[part] = (incarnation, dict(counters))
        for name in counters:
            history = self._history.setdefault(name, deque())
            history.append((now_s, self.total(name)))
            while len(history) > 2 and now_s - history[1][0] >= _WINDOW_S:
                history.popleft()

    def total(self, name: str) -> int:
        """Counted so far."""
        return self._before[name] + sum(values.get(name, 0) for _, values in self._present.values())

    def rate(self, name: str) -> float:
        """A second, over the last few."""
        history = self._history.get(name)
        if not history or history[-1][0] <= history[0][0]:
            return 0.0
        (first_s, first), (last_s, last) = history[0], history[-1]
        return (last - first) / (last_s - first_s)
