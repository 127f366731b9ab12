"""How often each client may ask: a token bucket for everybody, and a table of them that does not grow without bound."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from bookmill.buffers import Buffer

__all__ = ["RateLimits"]

_CLIENTS = 20_000


class RateLimits:
    """``burst`` requests at once, ``rate_per_s`` on average. Of more than ``clients`` the one that has asked for longest ago is forgotten."""

    def __init__(
        self,
        rate_per_s: float,
        burst: int,
        *,
        clients: int = _CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._limit = clients
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens, and when there were so many, by client; the one that asked last stands last."""
        self._forgotten = 0

    def take(self, client: str) -> float:
        """0 where one more request is allowed, which is counted; else in how many seconds it will be."""
        now_s = self._clock()
        tokens, then_s = self._buckets.get(client, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - then_s) * self._rate_per_s)
        wait_s = 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._rate_per_s
        self._buckets[client] = (tokens if wait_s else tokens - 1.0, now_s)
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
            self._forgotten += 1
        return wait_s

    @property
    def buffer(self) -> Buffer:
        """The table, for statistics."""
        return Buffer("clients", len(self._buckets), self._limit, "forget", self._forgotten)
