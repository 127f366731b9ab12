"""REST calls to an exchange: one at a time within the weight budget of its address, refusals obeyed, failures repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import structlog

from bookmill.backoff import Backoff
from bookmill.errors import RefusedError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.budget import WeightBudget
from producers.proxy import rest_options, through
from venues.interface import RestRequest, Venue

__all__ = ["Rest", "RestCounts"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 15.0
_RETRY_AFTER_S = 60.0
"""How long a refusal lasts that does not say it: the exchange's minute."""
_LEAST_RETRY_AFTER_S = 1.0
_TEXT = 200


@dataclass
class RestCounts:
    """``calls`` made, ``refused`` by the exchange for their number, ``failed`` for another reason."""

    calls: int = 0
    refused: int = 0
    failed: int = 0


class Rest:
    """GETs below one address. ``problem`` says why the last one brought nothing; empty when it did.

    Calls take their turn: first in, first out, so that the budget is spent in the order of asking.
    """

    def __init__(
        self,
        venue: Venue,
        address: str,
        budget: WeightBudget,
        settings: ProducerSettings,
        *,
        proxy: str | None = None,
        key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.budget = budget
        self.counts = RestCounts()
        self.problem = ""
        self._venue = venue
        self._address = address.rstrip("/")
        self._settings = settings
        self._clock = clock
        self._key = {venue.key_header: key} if key else None
        self._turn = asyncio.Lock()
        self._through = through(proxy)
        self._client = httpx2.AsyncClient(
            timeout=_TIMEOUT_S, transport=transport, **rest_options(address, proxy)
        )

    @classmethod
    def of(cls, venue: Venue, market: MarketSettings, settings: ProducerSettings) -> Rest:
        """As the settings say: where, how much of the weight, through which proxy."""
        return cls(
            venue,
            market.rest_url or venue.rest_url,
            WeightBudget(venue.limits.weight_per_minute, settings.rest_weight_share),
            settings,
            proxy=market.proxy.get_secret_value() if market.proxy else None,
            key=market.api_key.get_secret_value() if market.api_key else None,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, request: RestRequest, *, wanted: Callable[[], bool] = lambda: True) -> bytes | None:
        """The body of the answer, tried until it is there; None when it is not ``wanted`` any longer.

        Raises :class:`RefusedError` where the exchange says that asking so is wrong.
        """
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while wanted():
            async with self._turn:
                if not await self._afford(request.weight, wanted):
                    return None
                answer = await self._ask(request)
            if answer is not None and answer.is_success:
                self.problem = ""
                return answer.content
            if answer is not None and answer.status_code in self._venue.limits.ban_statuses:
                continue  # the budget waits for it
            if answer is not None and answer.is_client_error:
                raise RefusedError(self.problem)
            await asyncio.sleep(backoff.next_s())
        return None

    async def _afford(self, weight: int, wanted: Callable[[], bool]) -> bool:
        """Wait until the weight may be spent, and spend it."""
        while wanted():
            wait_s = self.budget.wait_s(weight, self._clock())
            if not wait_s:
                self.budget.spend(weight, self._clock())
                return True
            await asyncio.sleep(min(wait_s, 0.5))
        return False

    async def _ask(self, request: RestRequest) -> httpx2.Response | None:
        """One call; None where there is no answer. ``problem`` tells what is wrong with it."""
        self.counts.calls += 1
        try:
            answer = await self._client.get(
                self._address + request.path,
                params=dict(request.params),
                headers=self._key if request.keyed else None,
            )
        except httpx2.HTTPError as error:
            self.counts.failed += 1
            self._say(
                f"{self._address} does not answer: {str(error) or type(error).__name__}{self._through}."
            )
            return None
        used = self._venue.used_weight(answer.headers)
        if used is not None:
            self.budget.observe(used, self._clock())
        if answer.status_code in self._venue.limits.ban_statuses:
            self.counts.refused += 1
            seconds = _retry_after_s(answer.headers.get("retry-after", ""))
            self.budget.block(seconds, self._clock())
            self._say(f"{self._address} says {answer.status_code}: nothing is asked for {seconds:.0f} s.")
        elif not answer.is_success:
            self.counts.failed += 1
            text = " ".join(answer.text.split())[:_TEXT]
            self._say(f"{self._address}{request.path} says {answer.status_code}: {text or 'nothing more'}.")
        return answer

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning(
                "no answer", exchange=self._venue.exchange, market=self._venue.market, reason=problem
            )
        self.problem = problem


def _retry_after_s(text: str) -> float:
    return max(_LEAST_RETRY_AFTER_S, float(text)) if text.isdecimal() else _RETRY_AFTER_S
