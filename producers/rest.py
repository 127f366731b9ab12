"""REST calls to an exchange: the most urgent first, within the weight account of its address, refusals obeyed, failures repeated."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import httpx2
import structlog

from bookmill.backoff import Backoff
from bookmill.buffers import Buffer
from bookmill.errors import RefusedError, UnavailableError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.account import Account, account_name
from producers.ledger import Ledger
from producers.priorities import Priority, Urgency
from producers.proxy import rest_options, through
from producers.turns import Turn, Turns
from venues.interface import RestRequest, Venue

__all__ = ["Rest", "RestCounts"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 15.0
_LEAST_RETRY_AFTER_S = 1.0
_TEXT = 200
_AT_ONCE = 4
"""Calls of one market under way; a refusal may meet all of them."""
_MOST_WAITING = 5000
_ASK_AGAIN_S = 0.5
"""How often the first says that it waits."""
_LOOK_AGAIN_S = 5.0
"""How often the others look whether they are still wanted."""
_REFRESHED = Priority(Urgency.METADATA)


@dataclass
class RestCounts:
    """``calls`` made, ``refused`` by the exchange for their number, ``failed`` for another reason; ``turned_away``: never made,
    since too many waited."""

    calls: int = 0
    refused: int = 0
    failed: int = 0
    turned_away: int = 0


class Rest:
    """GETs below one address. ``problem`` says why the last one brought nothing; empty when it did."""

    def __init__(
        self,
        venue: Venue,
        address: str,
        account: Account,
        settings: ProducerSettings,
        *,
        proxy: str | None = None,
        key: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.account = account
        self.counts = RestCounts()
        self.problem = ""
        self._venue = venue
        self._address = address.rstrip("/")
        self._settings = settings
        self._key = {venue.key_header: key} if key else None
        self._turns = Turns(_AT_ONCE, _MOST_WAITING)
        self._spending = (0, 0.0)
        self._through = through(proxy)
        self._client = httpx2.AsyncClient(
            timeout=_TIMEOUT_S, transport=transport, **rest_options(address, proxy)
        )

    @classmethod
    def of(
        cls, venue: Venue, market: MarketSettings, settings: ProducerSettings, ledger: Ledger | None = None
    ) -> Rest:
        """As the settings say: where, how much of the weight, through which proxy. Without a ledger it spends for itself alone."""
        address = market.rest_url or venue.rest_url
        proxy = market.proxy.get_secret_value() if market.proxy else None
        account = Account(
            ledger or Ledger(None),
            account_name(venue, address, proxy),
            venue.limits.weight_per_minute,
            settings.rest_weight_share,
        )
        key = market.api_key.get_secret_value() if market.api_key else None
        return cls(venue, address, account, settings, proxy=proxy, key=key)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def spending(self) -> tuple[int, float]:
        """Weight that all who share the account have spent in the last minute, and seconds until a refusal ends; from any thread."""
        with suppress(UnavailableError):
            self._spending = self.account.used(), self.account.blocked_s()
        return self._spending

    def buffer(self, name: str) -> Buffer:
        """The calls that wait, under that name."""
        return Buffer(name, self._turns.waiting, self._turns.waiting_limit, "refuse", self.counts.turned_away)

    async def get(
        self,
        request: RestRequest,
        *,
        priority: Priority = _REFRESHED,
        wanted: Callable[[], bool] = lambda: True,
    ) -> bytes | None:
        """The body of the answer, tried until it is there; None when it is not ``wanted`` any longer, or too many wait.

        Raises :class:`RefusedError` where the exchange says that asking so is wrong, or the share of its weight is too small.
        """
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while wanted():
            if self._turns.full:
                self.counts.turned_away += 1
                self._say(f"{self._turns.waiting} calls wait for {self._address}: no more are taken.")
                return None
            if not await self._afford(request, priority, wanted):
                return None
            try:
                answer = await self._ask(request)
            finally:
                self._turns.end()
            if answer is not None and answer.is_success:
                self.problem = ""
                return answer.content
            if answer is not None and answer.status_code in self._venue.limits.ban_statuses:
                continue  # the account waits for it
            if answer is not None and answer.is_client_error:
                raise RefusedError(self.problem)
            await asyncio.sleep(backoff.next_s())
        return None

    async def _afford(self, request: RestRequest, priority: Priority, wanted: Callable[[], bool]) -> bool:
        """Wait until it is this call's turn and its weight may be spent, and spend it."""
        turn = self._turns.enter(priority)
        try:
            while wanted():
                patience_s = _LOOK_AGAIN_S
                if self._turns.claim(turn):
                    wait_s = await self._spend(request, turn)
                    if not wait_s:
                        self._turns.start(turn)
                        return True
                    self._turns.pass_on(turn)
                    patience_s = min(wait_s, _ASK_AGAIN_S)
                await turn.wait(patience_s)
        finally:
            self._turns.leave(turn)
        if not self._turns.waiting:
            await self._told(self._account_left)
        return False

    async def _spend(self, request: RestRequest, turn: Turn) -> float:
        """0.0 when the weight is spent, else when to ask again."""
        wait_s = await self._told(lambda: self.account.ask(request.weight, turn.priority))
        if wait_s is None:
            return _ASK_AGAIN_S
        if math.isinf(wait_s):
            raise RefusedError(
                f"{self._address}{request.path} costs {request.weight} weight,"
                f" producer.rest_weight_share allows {self.account.own_limit} a minute."
            )
        return wait_s

    def _account_left(self) -> float:
        self.account.leave()
        return 0.0

    async def _told(self, change: Callable[[], float]) -> float | None:
        """A change to the account, made beside the event loop: another process may hold the file. None where it failed."""
        try:
            return await asyncio.to_thread(change)
        except UnavailableError as error:
            self._say(error.message)
            return None

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
            await self._told(lambda: self._observed(used))
        if answer.status_code in self._venue.limits.ban_statuses:
            await self._obey(request, answer)
        elif not answer.is_success:
            self.counts.failed += 1
            text = " ".join(answer.text.split())[:_TEXT]
            self._say(f"{self._address}{request.path} says {answer.status_code}: {text or 'nothing more'}.")
        return answer

    def _observed(self, used: int) -> float:
        self.account.observe(used)
        return 0.0

    async def _obey(self, request: RestRequest, answer: httpx2.Response) -> None:
        """Nobody asks anything for as long as the exchange says."""
        self.counts.refused += 1
        text = answer.headers.get("retry-after", "")
        seconds = max(_LEAST_RETRY_AFTER_S, float(text)) if text.isdecimal() else self._venue.limits.ban_s

        def block() -> float:
            self.account.block(seconds)
            return seconds

        if await self._told(block) is None:
            await asyncio.sleep(seconds)  # at least this call is not repeated before
        self._say(
            f"{self._address}{request.path} says {answer.status_code}: nothing is asked for {seconds:.0f} s."
        )

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning(
                "no answer", exchange=self._venue.exchange, market=self._venue.market, reason=problem
            )
        self.problem = problem
