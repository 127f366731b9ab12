"""Asks an exchange for its instruments until it answers: that it is away is shown, and no reason to end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bookmill.backoff import Backoff
from bookmill.errors import ConfigurationError, FrameError, RefusedError, UnavailableError
from bookmill.settings import ProducerSettings
from producers.polling import Polling
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["Learning"]

_log = structlog.get_logger(__name__)


class Learning:
    """Of one market, by REST or, where the venue is spoken to by ccxt, by that.

    Raises :class:`ConfigurationError` where the share of the account's weight is too small to ask anything at all.
    """

    def __init__(
        self, name: str, venue: Venue, settings: ProducerSettings, rest: Rest, polling: Polling
    ) -> None:
        self._name = name
        self._venue = venue
        self._settings = settings
        self._rest = rest
        self._polling = polling
        self._require_budget()

    async def ask(self, urgency: Urgency) -> Sequence[Instrument]:
        """All instruments there are. ``problem`` of the market's REST says why they are not told yet."""
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while True:
            try:
                if self._venue.by_ccxt:
                    offered = await self._polling.learn_instruments()
                    self._rest.problem = ""
                    return offered
                body = await self._rest.get(self._venue.instruments_request(), priority=Priority(urgency))
                return await asyncio.to_thread(self._venue.parse_instruments, body or b"")
            except (FrameError, RefusedError, UnavailableError) as error:
                self._rest.problem = error.message
                _log.warning("no instruments", market=self._name, reason=error.message)
                await asyncio.sleep(backoff.next_s())

    def _require_budget(self) -> None:
        """A share too small for a single call would wait for ever. ccxt has a pace of its own."""
        if self._venue.by_ccxt:
            return
        requests = [
            self._venue.instruments_request(),
            self._venue.snapshot_request("", self._settings.snapshot_depth),
        ]
        weight = max(request.weight for request in requests if request is not None)
        limit = self._rest.account.own_limit
        if weight > limit:
            raise ConfigurationError(
                f"producer.rest_weight_share allows {limit} weight a minute at {self._name}, one call costs {weight}.",
                hint="Set a larger share, or a smaller producer.snapshot_depth.",
            )
