"""When connections may be opened: one after the other at each address, however many lines of however many markets want to.

Exchanges count connections by the client's address, so all markets of a process share one :class:`Openings`.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

__all__ = ["Openings"]


class Openings:
    """Turns, first come first served. So connections do not end in the same second a day later either."""

    def __init__(self) -> None:
        self._free_s: dict[tuple[str, str | None], float] = {}

    async def turn(self, url: str, proxy: str | None, per_s: float) -> None:
        """Return when a connection to the host of ``url`` may be opened, through that proxy."""
        place = urlsplit(url).netloc, proxy
        now_s = time.monotonic()
        at_s = max(now_s, self._free_s.get(place, 0.0))
        self._free_s[place] = at_s + 1.0 / per_s
        await asyncio.sleep(at_s - now_s)
