"""How long to wait before the next attempt: a pure function."""

from __future__ import annotations

__all__ = ["delay_s"]

_MOST_DOUBLINGS = 32


def delay_s(attempt: int, *, initial_s: float, max_s: float, random: float) -> float:
    """Seconds to wait after failure number ``attempt`` (from 1); ``random`` is uniform in [0, 1).

    The bound doubles from ``initial_s`` to ``max_s``. The upper half of it is drawn at random, so that sinks that failed
    together do not come back together, and none comes back at once.
    """
    bound = min(max_s, initial_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
    return bound * (1.0 + random) / 2.0
