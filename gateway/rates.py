"""How many events came in each of the last seconds, by topic, and how old they were when they were here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import quantiles

__all__ = ["Rates"]

_SECONDS = 60
_AGES = 1000


class Rates:
    """``count`` as events come; ``tick`` once a second."""

    def __init__(self) -> None:
        self.total: dict[str, int] = {}
        """Events since the start, by topic."""
        self._current: dict[str, int] = {}
        self._seconds: deque[tuple[int, Mapping[str, int]]] = deque(maxlen=_SECONDS)
        self._ages_us: deque[int] = deque(maxlen=_AGES)

    def count(self, topic: str, events: int = 1) -> None:
        """So many more."""
        self.total[topic] = self.total.get(topic, 0) + events
        self._current[topic] = self._current.get(topic, 0) + events

    def age(self, micros: int) -> None:
        """How long after its receipt one of them was here."""
        self._ages_us.append(micros)

    def tick(self, second: int) -> None:
        """The second (since the epoch) is over."""
        self._seconds.append((second, self._current))
        self._current = {}

    def per_second(self, over_s: int = 10) -> dict[str, float]:
        """By topic, over the last ``over_s`` whole seconds."""
        recent = list(self._seconds)[-over_s:]
        topics = sorted(self.total)
        return {
            topic: round(sum(counts.get(topic, 0) for _, counts in recent) / max(1, len(recent)), 1)
            for topic in topics
        }

    def seconds(self) -> list[tuple[int, Mapping[str, int]]]:
        """Each of the last seconds with its counts by topic, oldest first."""
        return list(self._seconds)

    def latency_ms(self) -> dict[str, float | None]:
        """Median and 99th percentile of the time from receipt to here, of the last thousand batches."""
        if len(self._ages_us) < 2:
            return {"p50": None, "p99": None}
        cuts = quantiles(self._ages_us, n=100, method="inclusive")
        return {"p50": round(cuts[49] / 1000, 3), "p99": round(cuts[98] / 1000, 3)}
