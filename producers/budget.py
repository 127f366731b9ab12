"""The REST weight that one address may spend at an exchange: a rolling minute, no clock of its own.

The exchange counts in minutes of its own clock, which is not ours. Whoever stays under the limit in every span of 60
seconds stays under it in each of those minutes, wherever they begin.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

__all__ = ["WINDOW_S", "WeightBudget"]

WINDOW_S = 60.0


class WeightBudget:
    """Of ``limit`` weight a minute ``share`` (0 to 1] may be spent here; the rest belongs to others at the same address.

    Times are monotonic seconds given by the caller, never falling. What the exchange says is used (:meth:`observe`) corrects
    the account: what others have spent counts against the whole limit. After a refusal nothing is asked until its end.

    An account kept elsewhere (:mod:`producers.ledger`) is given at the beginning: ``spent``, when each call stops counting and its
    weight, in the order of time; ``foreign`` weight and until when it counts; the end of a refusal.
    """

    def __init__(
        self,
        limit: int,
        share: float,
        *,
        spent: Iterable[tuple[float, int]] = (),
        foreign: int = 0,
        foreign_until_s: float = -math.inf,
        blocked_until_s: float = -math.inf,
    ) -> None:
        self.own_limit = int(limit * share)
        self.foreign = foreign
        self.foreign_until_s = foreign_until_s
        self.blocked_until_s = blocked_until_s
        self._limit = limit
        self._spent = deque(spent)
        self._own = sum(weight for _, weight in self._spent)

    def wait_s(self, weight: int, now_s: float) -> float:
        """Seconds until ``weight`` may be spent, 0.0 when now; infinite when the share never allows it at once."""
        self._forget(now_s)
        start_s = max(now_s, self.blocked_until_s)
        if start_s <= now_s and self._fits(self._own, self.foreign, weight):
            return 0.0
        own, expiring = self._own, iter(self._spent)
        expiry = next(expiring, None)
        for moment_s in sorted({start_s, self.foreign_until_s, *(until_s for until_s, _ in self._spent)}):
            while expiry is not None and moment_s >= expiry[0]:
                own -= expiry[1]
                expiry = next(expiring, None)
            foreign = self.foreign if moment_s < self.foreign_until_s else 0
            if moment_s >= start_s and self._fits(own, foreign, weight):
                return moment_s - now_s
        return math.inf

    def spend(self, weight: int, now_s: float) -> None:
        """Count a call; the caller has waited as :meth:`wait_s` said."""
        self._forget(now_s)
        self._spent.append((now_s + WINDOW_S, weight))
        self._own += weight

    def observe(self, used: int, now_s: float) -> None:
        """The exchange says how much of its running minute is used, by us and everybody else at this address."""
        self._forget(now_s)
        self.foreign = max(0, used - self._own)
        self.foreign_until_s = now_s + WINDOW_S

    def block(self, seconds: float, now_s: float) -> None:
        """The exchange refuses: nothing is asked for so long."""
        self.blocked_until_s = max(self.blocked_until_s, now_s + seconds)

    def blocked_s(self, now_s: float) -> float:
        """Seconds until a refusal ends; 0.0 without one."""
        return max(0.0, self.blocked_until_s - now_s)

    def used(self, now_s: float) -> int:
        """Weight spent here in the last minute."""
        self._forget(now_s)
        return self._own

    def _fits(self, own: int, foreign: int, weight: int) -> bool:
        return own + weight <= self.own_limit and own + foreign + weight <= self._limit

    def _forget(self, now_s: float) -> None:
        while self._spent and now_s >= self._spent[0][0]:
            self._own -= self._spent.popleft()[1]
        if now_s >= self.foreign_until_s:
            self.foreign = 0
