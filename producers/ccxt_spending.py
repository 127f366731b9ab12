"""The weight of polled calls: ccxt's costs, spent from the account that all callers of the exchange share."""

from __future__ import annotations

import asyncio
import math

from bookmill.settings import MarketSettings
from producers.account import Account, account_name
from producers.ledger import Ledger
from producers.priorities import Priority, Urgency
from venues.interface import Venue

__all__ = ["Spending"]

_MINUTE_MS = 60_000.0
_ASK_AGAIN_S = 0.5
_POLL = Priority(Urgency.METADATA, rank=1.0, name="poll")
"""Behind all that is asked for itself."""


class Spending:
    """``pace_ms`` is ccxt's time between calls of cost 1, which is what the exchange allows in full: so many costs a minute are all of
    its weight.
    """

    def __init__(
        self, venue: Venue, market: MarketSettings, share: float, ledger: Ledger, pace_ms: float
    ) -> None:
        costs_a_minute = _MINUTE_MS / max(1.0, pace_ms)
        limit = math.ceil(costs_a_minute) if venue.by_ccxt else venue.limits.weight_per_minute
        proxy = market.proxy.get_secret_value() if market.proxy else None
        name = account_name(venue, market.rest_url or venue.rest_url, proxy)
        self.ban_statuses = venue.limits.ban_statuses
        self._ban_s = venue.limits.ban_s
        self._account = Account(ledger, name, limit, share)
        self._weight = limit / costs_a_minute
        self._owed = 0.0

    async def spend(self, cost: float) -> None:
        """Wait until a call of that cost may be made. One that costs more than the share of a minute is counted as all of it.

        Parts of a weight add up until they are one.
        """
        self._owed += cost * self._weight
        weight = int(self._owed)
        self._owed -= weight
        wait_s = await self._ask(min(weight, self._account.own_limit)) if weight else 0.0
        while wait_s:
            await asyncio.sleep(min(wait_s, _ASK_AGAIN_S))
            wait_s = await self._ask(min(weight, self._account.own_limit))

    async def block(self, seconds: float) -> None:
        """The exchange refuses: nobody asks anything for so long, or as long as it is known for where it names no time."""
        await asyncio.to_thread(self._account.block, seconds or self._ban_s)

    async def _ask(self, weight: int) -> float:
        return await asyncio.to_thread(self._account.ask, weight, _POLL)
