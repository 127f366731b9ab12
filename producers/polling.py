"""What of a market is polled: all of it (``source: poll``), or what its dead lines would have brought, or nothing ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.ccxt_exchange import CcxtExchange
from producers.failover import Carrier, Failover, subjects
from producers.kafka_writer import KafkaWriter
from producers.ledger import Ledger
from producers.poller import PollCounts, Poller, Subject
from venues.interface import Channel, Venue
from venues.messages import Instrument

__all__ = ["Polling"]

_TICK_S = 1.0


class Polling:
    """``always``: no socket is listened to. Nothing of ccxt is imported before it is needed.

    Raises :class:`ConfigurationError` where a market is to be polled that ccxt does not know.
    """

    def __init__(
        self,
        venue: Venue,
        market: MarketSettings,
        settings: ProducerSettings,
        *,
        name: str,
        connection: str,
        ledger: Ledger,
    ) -> None:
        self.always = market.source == "poll"
        self._settings = settings
        self._connection = connection
        self._exchange = CcxtExchange(venue, market, settings, ledger) if venue.ccxt_id else None
        self._poller: Poller | None = None
        if self.always and self._exchange is None:
            raise ConfigurationError(
                f"{name} cannot be polled: ccxt does not know it.", hint="Set its source to socket."
            )

    @property
    def counts(self) -> PollCounts:
        """All zero where nothing is polled."""
        return self._poller.counts if self._poller else PollCounts()

    @property
    def instruments(self) -> int:
        """How many are polled now."""
        return self._poller.polling if self._poller else 0

    @property
    def problem(self) -> str:
        """Why what should be polled is not."""
        return self._poller.problem if self._poller else ""

    @property
    def state(self) -> str:
        """Of a market that is always polled."""
        if self._poller and self._poller.unavailable:
            return "unreachable"
        return "polling" if self.counts.records else "connecting"

    async def learn_instruments(self) -> Sequence[Instrument]:
        """What ccxt says there is; raises what :meth:`CcxtExchange.load` does."""
        if self._exchange is None:
            return ()
        await self._exchange.load()
        return self._exchange.instruments

    async def run(
        self,
        instruments: Mapping[str, Instrument],
        carriers: Callable[[], Iterable[Carrier]],
        channels: Callable[[str], Sequence[Channel]],
        intervals: Sequence[str],
        *,
        writer: KafkaWriter,
        topic: str,
        collects: Callable[[str], bool],
    ) -> None:
        """Until cancelled. ``carriers``: the lines there are; ``channels``: what is wanted of an instrument, by wire symbol;
        ``collects``: whether it is (still) to be had.
        """
        if self._exchange is None or not (self.always or self._settings.poll_after_s):
            return
        self._poller = Poller(
            self._connection, self._exchange, instruments, self._settings, writer=writer, topic=topic
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poller.run())
            if self.always:
                group.create_task(self._want_all(self._poller, instruments, channels, intervals, collects))
            else:
                failover = Failover(
                    self._poller, carriers, self._settings, intervals=intervals, collects=collects
                )
                group.create_task(failover.run())

    async def close(self) -> None:
        """Close the connections."""
        if self._exchange is not None:
            await self._exchange.close()

    @staticmethod
    async def _want_all(
        poller: Poller,
        instruments: Mapping[str, Instrument],
        channels: Callable[[str], Sequence[Channel]],
        intervals: Sequence[str],
        collects: Callable[[str], bool],
    ) -> None:
        wanted: set[Subject] = set()
        while True:
            now = {
                subject
                for wire_symbol in instruments
                if collects(wire_symbol)
                for subject in subjects(wire_symbol, channels(wire_symbol), intervals)
            }
            if now != wanted:
                poller.want(dict.fromkeys(now))
            wanted = now
            await asyncio.sleep(_TICK_S)
