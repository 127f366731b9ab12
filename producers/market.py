"""One market of an exchange: put together, run until the end, and what it tells of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bookmill.settings import MarketSettings, ProducerSettings
from producers.asides import Asides
from producers.backfill import Backfills
from producers.cohorts import Cohorts
from producers.kafka_writer import KafkaWriter
from producers.learning import Learning
from producers.ledger import Ledger
from producers.line_connections import LineState
from producers.listing import InstrumentLog
from producers.market_lines import MarketLines
from producers.openings import Openings
from producers.polling import Polling
from producers.priorities import Urgency
from producers.rest import Rest
from producers.resubscriptions import Resubscriptions
from producers.serving import Serving
from producers.snapshots import Snapshots
from producers.wanted import Wanted
from venues.interface import TradeSpan, Venue
from venues.messages import Instrument

__all__ = ["Market"]


class Market:
    """Collects the symbols of its settings or, where it is ``shared``, what it is told to (:meth:`want`, :meth:`drop`), which is then
    often nothing. ``learned`` is set when the exchange has told its instruments; ``disabled`` are those collected that it does not
    trade (any more), by symbol, with a sentence each.
    """

    def __init__(
        self,
        venue: Venue,
        market: MarketSettings,
        settings: ProducerSettings,
        *,
        writer: KafkaWriter,
        topic: str,
        producer_id: str,
        instrument_log: InstrumentLog,
        ledger: Ledger | None = None,
        openings: Openings | None = None,
        shared: bool = False,
    ) -> None:
        self.name = f"{venue.exchange}.{venue.market}"
        self.venue = venue
        self.shared = shared
        self._market = market
        self._settings = settings
        self._writer = writer
        self._topic = topic
        self._id = f"{producer_id}-{self.name}"
        self._collected: dict[str, Instrument] = {}
        """What is collected, by wire symbol."""
        self._asides = Asides(self.name, venue, lambda: self.lines, writer=writer, topic=topic)
        maker = MarketLines(
            self._id,
            venue,
            market,
            settings,
            instruments=self._collected,
            writer=writer,
            topic=topic,
            aside=self._asides.take,
            openings=openings or Openings(),
            first_word="joined" if shared and not settings.instance_id else "start",
        )
        self.cohorts = Cohorts(venue, maker)
        self.lines, self.streams = self.cohorts.lines, self.cohorts.streams
        ledger = ledger or Ledger(None)
        self.rest = Rest.of(venue, market, settings, ledger)
        self.polling = Polling(
            venue, market, settings, name=self.name, connection=f"{self._id}-poll", ledger=ledger
        )
        self._wanted = Wanted(
            self.name,
            venue,
            market,
            collected=self._collected,
            cohorts=self.cohorts,
            instrument_log=instrument_log,
            polled=self.polling.always,
        )
        self.learned, self.disabled = self._wanted.learned, self._wanted.disabled
        self._learning = Learning(self.name, venue, settings, self.rest, self.polling)
        self._serving: Serving | None = None

    async def run(self) -> None:
        """Collect until cancelled. Raises :class:`ConfigurationError` when none of the symbols exists, unless it is shared."""
        try:
            self._wanted.learn(await self._learning.ask(Urgency.START), shared=self.shared)
            self.cohorts.open_all()
            async with asyncio.TaskGroup() as group:
                if not self.polling.always:
                    self._serving = self._make_serving()
                    group.create_task(self._serving.run())
                group.create_task(self._watch_listing())
                group.create_task(
                    self.polling.run(
                        self._wanted.described,
                        lambda: self.cohorts.carriers,
                        self._wanted.channels,
                        self._market.kline_intervals,
                        writer=self._writer,
                        topic=self._topic,
                        collects=self._wanted.collects,
                    )
                )
                group.create_task(self.cohorts.run())
        finally:
            await self.polling.close()
            await self.rest.close()

    def want(self, symbol: str, channels: Sequence[str] = ()) -> None:
        """Collect an instrument from now on, with these channels, none: those of the settings. See :meth:`refusal`."""
        self._wanted.want(symbol, channels)

    def drop(self, symbol: str) -> None:
        """Collect an instrument no longer."""
        for wire_symbol in self._wanted.drop(symbol):
            self._asides.forget(wire_symbol)

    def refusal(self, symbol: str, channels: Sequence[str] = ()) -> str:
        """Why an instrument cannot be collected, in a sentence; empty where it can, or nobody knows yet."""
        return self._wanted.refusal(symbol, channels)

    def delivers(self, symbol: str) -> bool:
        """Whether all streams of an instrument come."""
        return self._wanted.delivers(symbol)

    def wire_symbol(self, symbol: str) -> str:
        """The exchange's own spelling; empty where it has no such instrument."""
        return self._wanted.wire_symbol(symbol)

    def resync(self, wire_symbol: str, asked_s: float) -> None:
        """A book needs an image; ``asked_s``: when it was wanted, Unix seconds."""
        if self._serving is not None:
            self._serving.snapshots.request(wire_symbol, asked_s)

    def backfill(self, wire_symbol: str, span: TradeSpan, asked_s: float) -> None:
        """Trades are missing; ``asked_s``: when they were wanted, Unix seconds."""
        if self._serving is not None:
            self._serving.backfills.request(wire_symbol, span, asked_s)

    def _make_serving(self) -> Serving:
        return Serving(
            self._id,
            self.venue,
            self._market,
            self._settings,
            self.rest,
            lines=self.lines,
            streams=self.streams,
            instruments=self._collected,
            writer=self._writer,
            topic=self._topic,
        )

    async def _watch_listing(self) -> None:
        """Instruments come, go and change while we run."""
        while True:
            await asyncio.sleep(self._settings.instruments_refresh_s)
            self._wanted.update(await self._learning.ask(Urgency.METADATA))

    @property
    def own(self) -> Sequence[str]:
        """The symbols of the settings that the exchange has."""
        return self._wanted.own

    @property
    def unknown(self) -> Mapping[str, str]:
        """A sentence for each that it does not have."""
        return self._wanted.unknown

    @property
    def collected(self) -> int:
        """How many instruments are collected."""
        return len(self._collected)

    @property
    def snapshots(self) -> Snapshots | Resubscriptions | None:
        """Who serves requests for images; None while nothing is collected, or nothing by sockets."""
        return self._serving.snapshots if self._serving else None

    @property
    def backfills(self) -> Backfills | None:
        """Who serves requests for trades; None as with :attr:`snapshots`."""
        return self._serving.backfills if self._serving else None

    @property
    def errors(self) -> int:
        """What the exchange refused on a socket."""
        return self._asides.errors

    @property
    def strange(self) -> int:
        """Frames that are neither data nor an answer we know (they are dead letters)."""
        return self._asides.strange

    @property
    def state(self) -> str:
        """connecting, connected, unreachable; ``partly connected`` when some lines are and some are not; ``polling`` where none are
        wanted and all goes well, ``idle`` where nothing is to be collected."""
        if self.polling.always:
            return "unreachable" if self.rest.problem else self.polling.state
        if not self.lines:
            if self.shared and self.learned.is_set() and not self.rest.problem:
                return "idle" if not self._collected else "connecting"
            return "unreachable" if self.rest.problem else "connecting"
        states = {line.state for line in self.lines}
        if states == {LineState.CONNECTED}:
            return "connected"
        if LineState.CONNECTED in states:
            return "partly connected"
        return "unreachable" if LineState.UNREACHABLE in states else "connecting"

    def health(self) -> dict[str, str]:
        """Problems by name, each with the market's name before it."""
        asking = {
            "rest": self.rest,
            "snapshots": self.snapshots,
            "backfill": self.backfills,
            "polling": self.polling,
        }
        problems = {name: part.problem for name, part in asking.items() if part and part.problem}
        for line in self.lines:
            if line.state is not LineState.CONNECTED:
                problems[line.name] = line.problem or line.state.value
            if line.missing:
                problems[f"{line.name} streams"] = f"never delivered: {', '.join(line.missing)}"
        problems |= self._asides.health()
        problems |= {symbol: f"{sentence}." for symbol, sentence in self.disabled.items()}
        problems |= self.unknown
        return {f"{self.name} {name}": problem for name, problem in problems.items()}
