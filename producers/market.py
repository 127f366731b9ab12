"""One market of an exchange: learns its instruments, keeps its lines, serves its snapshots, and tells how it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from bookmill.backoff import Backoff
from bookmill.errors import ConfigurationError, FrameError, RefusedError, UnavailableError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.backfill import Backfills
from producers.cohorts import Cohorts
from producers.connection import Answer
from producers.dead_letters import write_dead_letter
from producers.instruments import choose
from producers.kafka_writer import KafkaWriter
from producers.ledger import Ledger
from producers.line import Line
from producers.line_connections import LineState
from producers.listing import InstrumentLog, Listing
from producers.openings import Openings
from producers.polling import Polling
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from producers.resubscriptions import Resubscriptions
from producers.snapshots import Snapshots
from producers.stream import Stream
from producers.traded import Traded
from venues.interface import (
    CHANNELS,
    Channel,
    ConnectionPlan,
    Control,
    Route,
    StreamOptions,
    TradeSpan,
    Venue,
)
from venues.messages import Instrument

__all__ = ["Market"]

_log = structlog.get_logger(__name__)


class Market:
    """Collects the symbols of its settings or, where it is ``shared``, what it is told to (:meth:`want`, :meth:`drop`), which is then
    often nothing. ``learned`` is set when the exchange has told its instruments: ``own`` are those of the settings, ``unknown`` has
    a sentence for each that it does not have. ``errors`` counts what the exchange refused on a socket, ``strange`` frames that
    are neither data nor an answer we know (they are dead letters).
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
        self.learned = asyncio.Event()
        self.own: tuple[str, ...] = ()
        self.unknown: dict[str, str] = {}
        self.cohorts = Cohorts(venue, self)
        self.lines, self.streams = self.cohorts.lines, self.cohorts.streams
        self.snapshots: Snapshots | Resubscriptions | None = None
        self.backfills: Backfills | None = None
        self.errors = 0
        self.strange = 0
        self.error = ""
        self.refused: dict[Route, str] = {}
        """Streams the exchange does not deliver, with its reason; their neighbours go on."""
        self._market = market
        self._settings = settings
        self._writer = writer
        self._openings = openings or Openings()
        self._topic = topic
        self._id = f"{producer_id}-{self.name}"
        self._by_wire: dict[str, Instrument] = {}
        """What is collected."""
        self._described: dict[str, Instrument] = {}
        """What is collected, or was."""
        self._offered: dict[str, Instrument] = {}
        """What the exchange has, by symbol."""
        self._wanted: dict[str, tuple[str, ...]] = {}
        """What shall be collected, by symbol, with its channels; none: those of the settings."""
        self._trades: dict[str, Stream] = {}
        self._proxy = market.proxy.get_secret_value() if market.proxy else None
        ledger = ledger or Ledger(None)
        self.rest = Rest.of(venue, market, settings, ledger)
        self._traded = Traded(lambda: self.streams, venue.trade_channels)
        self.polling = Polling(
            venue, market, settings, name=self.name, connection=f"{self._id}-poll", ledger=ledger
        )
        self.listing = Listing(venue, instrument_log, self._instrument_changed)
        self.disabled: dict[str, str] = {}
        """Collected instruments that the exchange does not trade (any more), by symbol, with a sentence each."""
        self._require_budget()

    async def run(self) -> None:
        """Collect until cancelled. Raises :class:`ConfigurationError` when none of the symbols exists, unless it is shared."""
        try:
            self._take_listing(await self._learn_instruments())
            choice = choose(self._market.symbols, list(self._offered.values()), self.name)
            self.unknown = dict(choice.unknown)
            for sentence in self.unknown.values():
                _log.error("symbol is not collected", market=self.name, reason=sentence)
            self._offered |= {one.symbol: one for one in choice.instruments}
            self.own = tuple(one.symbol for one in choice.instruments)
            if not self.shared:
                if not self.own:
                    raise ConfigurationError(
                        " ".join(self.unknown.values()) or f"{self.name} has no symbols to collect.",
                        hint=f"Set exchanges.{self.name}.symbols, or give --symbols.",
                    )
                self._wanted = dict.fromkeys(self.own, ())
            self.learned.set()
            await self._collect()
        finally:
            await self.polling.close()
            await self.rest.close()

    def want(self, symbol: str, channels: Sequence[str] = ()) -> None:
        """Collect an instrument from now on, with these channels, none: those of the settings. See :meth:`refusal`."""
        self._wanted[symbol] = tuple(channels)
        if self.learned.is_set():
            self._begin(symbol)

    def drop(self, symbol: str) -> None:
        """Collect an instrument no longer."""
        self._wanted.pop(symbol, None)
        self.disabled.pop(symbol, None)
        for wire_symbol in [wire for wire, one in self._by_wire.items() if one.symbol == symbol]:
            del self._by_wire[wire_symbol]
            self.refused = {
                route: why for route, why in self.refused.items() if route.wire_symbol != wire_symbol
            }
            self.cohorts.drop(wire_symbol)

    def refusal(self, symbol: str, channels: Sequence[str] = ()) -> str:
        """Why an instrument cannot be collected, in a sentence; empty where it can, or nobody knows yet."""
        if not self.learned.is_set():
            return ""
        if symbol not in self._offered:
            others = choose((symbol,), list(self._offered.values()), self.name)
            if others.instruments:  # the exchange's own spelling: one instrument has one name here
                return f"{self.name} calls '{symbol}' {others.instruments[0].symbol}: subscribe that."
            return others.unknown[symbol]
        if not self._options(channels).channels:
            return f"{self.name} has none of the channels wanted of {symbol}."
        return ""

    def delivers(self, symbol: str) -> bool:
        """Whether all streams of an instrument come."""
        instrument = self._offered.get(symbol)
        if instrument is None or instrument.wire_symbol not in self._by_wire:
            return False
        return self.polling.always or self.cohorts.delivers(instrument.wire_symbol)

    def wire_symbol(self, symbol: str) -> str:
        """The exchange's own spelling; empty where it has no such instrument."""
        instrument = self._offered.get(symbol)
        return instrument.wire_symbol if instrument else ""

    def _begin(self, symbol: str) -> None:
        channels = self._wanted[symbol]
        if self.refusal(symbol, channels):
            return
        instrument = self._offered[symbol]
        self._by_wire[instrument.wire_symbol] = self._described[instrument.wire_symbol] = instrument
        if not instrument.trading:
            self._disable(
                instrument, f"is not trading{f' ({instrument.status})' if instrument.status else ''}"
            )
        if not self.polling.always:
            self.cohorts.want(instrument.wire_symbol, self._options(channels))

    def _options(self, channels: Sequence[str]) -> StreamOptions:
        wanted = channels or self._market.channels
        return StreamOptions(
            tuple(channel for channel in CHANNELS if channel in wanted and channel in self.venue.channels),
            aggregated_trades=self._market.trades == "aggTrade",
            kline_intervals=self._market.kline_intervals,
        )

    async def _collect(self) -> None:
        bars = [bar for bar in self._market.kline_intervals if bar not in self.venue.kline_intervals]
        if bars and "klines" in self._market.channels and "klines" in self.venue.channels:
            _log.info("bars are passed over, the exchange has none such", market=self.name, bars=bars)
        for symbol in self._wanted:
            self._begin(symbol)
        self.cohorts.open_all()
        async with asyncio.TaskGroup() as group:
            if not self.polling.always:
                self.snapshots = self._images(self._by_wire)
                group.create_task(self.snapshots.run())
                self.backfills = self._past_trades(self._by_wire)
                group.create_task(self.backfills.run())
                group.create_task(self._traded.run())
            group.create_task(self._watch_listing())
            polling = self.polling.run(
                self._described,
                lambda: self.cohorts.carriers,
                self._channels,
                self._market.kline_intervals,
                writer=self._writer,
                topic=self._topic,
                collects=self._collects,
            )
            group.create_task(polling)
            group.create_task(self.cohorts.run())

    def _channels(self, wire_symbol: str) -> Sequence[Channel]:
        return self._options(self._wanted.get(self._described[wire_symbol].symbol, ())).channels

    def _collects(self, wire_symbol: str) -> bool:
        return wire_symbol in self._by_wire and self._by_wire[wire_symbol].symbol not in self.disabled

    def line(self, number: int, plan: ConnectionPlan, streams: Sequence[Stream], *, succeeds: bool) -> Line:
        """A line of this market (see :class:`~producers.cohorts.LineMaker`)."""
        self._trades |= {
            stream.route.wire_symbol: stream
            for stream in streams
            if stream.route.channel in self.venue.trade_channels
        }
        return Line(
            f"{self._id}-{number}",
            plan,
            streams,
            venue=self.venue,
            address=self._market.websocket_url or self.venue.websocket_url,
            settings=self._settings,
            writer=self._writer,
            aside=self._aside,
            proxy=self._proxy,
            openings=self._openings,
            trades=self._trades,
            succeeds=succeeds,
            first_word="joined" if self.shared and not self._settings.instance_id else "start",
        )

    def _images(self, instruments: Mapping[str, Instrument]) -> Snapshots | Resubscriptions:
        """Who serves requests for images, the venue's way."""
        if self.venue.image_channels:
            return Resubscriptions(
                self.venue,
                self.lines,
                instruments,
                again_s=self._settings.resubscribe_after_s,
                traded=self._traded.of,
            )
        return Snapshots(
            self.venue,
            self.rest,
            self._writer,
            self._topic,
            instruments=instruments,
            connection=f"{self._id}-rest",
            levels=self._settings.snapshot_depth,
            traded=self._traded.of,
        )

    def _past_trades(self, instruments: Mapping[str, Instrument]) -> Backfills:
        """Who serves requests for trades that are missing."""
        return Backfills(
            self.venue,
            self.rest,
            self._writer,
            self._topic,
            instruments=instruments,
            connection=f"{self._id}-backfill",
            most_pages=self._settings.backfill_pages,
            aggregated=self._market.trades == "aggTrade",
            has_key=self._market.api_key is not None,
        )

    def stream(self, route: Route) -> Stream:
        """A stream of this market (see :class:`~producers.cohorts.LineMaker`)."""
        instrument = self._by_wire[route.wire_symbol]
        return Stream(
            route,
            instrument.symbol,
            self._topic,
            self._writer,
            unit=instrument.unit.text,
            starts_anew=route.channel in self.venue.image_channels,
        )

    async def _watch_listing(self) -> None:
        """Instruments come, go and change while we run."""
        while True:
            await asyncio.sleep(self._settings.instruments_refresh_s)
            self._take_listing(await self._learn_instruments())
            for symbol in self._wanted:  # one that was not there may be now
                if self.wire_symbol(symbol) not in self._by_wire:
                    self._begin(symbol)

    def _take_listing(self, offered: Sequence[Instrument]) -> None:
        self.listing.take(offered)
        self._offered = {one.symbol: one for one in offered}
        self._offered |= {one.symbol: one for one in offered if one.wire_symbol in self._by_wire}

    def _instrument_changed(self, instrument: Instrument, what: str) -> None:
        """One of ours goes, and does not stop the others; or comes back."""
        if instrument.wire_symbol not in self._by_wire:
            return
        if what == "is trading again":
            self.disabled.pop(instrument.symbol, None)
        elif what.startswith("is not"):
            self._disable(instrument, what)
        _log.warning("instrument has changed", market=self.name, symbol=instrument.symbol, what=what)
        self._by_wire[instrument.wire_symbol] = self._described[instrument.wire_symbol] = instrument
        for stream in self.streams:
            if stream.route.wire_symbol == instrument.wire_symbol:
                stream.describe(instrument.symbol, instrument.unit.text)

    def _disable(self, instrument: Instrument, what: str) -> None:
        self.disabled[instrument.symbol] = f"{self.name} {instrument.symbol} {what}"
        _log.warning("instrument is not trading", market=self.name, symbol=instrument.symbol, what=what)

    @property
    def collected(self) -> int:
        """How many instruments are collected."""
        return len(self._by_wire)

    def resync(self, wire_symbol: str, asked_s: float) -> None:
        """A book needs an image; ``asked_s``: when it was wanted, Unix seconds."""
        if self.snapshots is not None:
            self.snapshots.request(wire_symbol, asked_s)

    def backfill(self, wire_symbol: str, span: TradeSpan, asked_s: float) -> None:
        """Trades are missing; ``asked_s``: when they were wanted, Unix seconds."""
        if self.backfills is not None:
            self.backfills.request(wire_symbol, span, asked_s)

    async def _learn_instruments(self) -> Sequence[Instrument]:
        """Ask until the exchange answers: that it is away is shown, and no reason to end."""
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while True:
            try:
                if self.venue.by_ccxt:
                    offered = await self.polling.learn_instruments()
                    self.rest.problem = ""
                    return offered
                urgency = Urgency.METADATA if self.learned.is_set() else Urgency.START
                body = await self.rest.get(self.venue.instruments_request(), priority=Priority(urgency))
                return await asyncio.to_thread(self.venue.parse_instruments, body or b"")
            except (FrameError, RefusedError, UnavailableError) as error:
                self.rest.problem = error.message
                _log.warning("no instruments", market=self.name, reason=error.message)
                await asyncio.sleep(backoff.next_s())

    def _require_budget(self) -> None:
        """A share too small for a single call would wait for ever. ccxt has a pace of its own."""
        if self.venue.by_ccxt:
            return
        requests = [
            self.venue.instruments_request(),
            self.venue.snapshot_request("", self._settings.snapshot_depth),
        ]
        weight = max(request.weight for request in requests if request is not None)
        if weight > self.rest.account.own_limit:
            raise ConfigurationError(
                f"producer.rest_weight_share allows {self.rest.account.own_limit} weight a minute at {self.name},"
                f" one call costs {weight}.",
                hint="Set a larger share, or a smaller producer.snapshot_depth.",
            )

    def _aside(self, frame: bytes, route: Route | None, time_ns: int) -> Answer:
        """A frame of no stream of ours: what follows from it."""
        if route is None:
            control = self.venue.control(frame)
            if control.kind != "unknown":
                return self._hear(control)
            reason = f"Neither data nor a known answer: {control.error or control.kind}."
        elif route.channel in self.venue.market_wide:
            return Answer()  # of an instrument nobody here collects
        else:
            reason = f"Frame of a stream that was not asked for: {route.channel} {route.wire_symbol}."
        self.strange += 1
        if self.strange == 1:
            _log.warning("strange frame", market=self.name, reason=reason)
        write_dead_letter(self._writer, self._topic, frame, time_ns, reason)
        return Answer()

    def _hear(self, control: Control) -> Answer:
        """What the exchange says beside its data."""
        if control.kind == "error":
            self.errors += 1
            self.error = control.error or "no reason given"
            _log.error("exchange refuses", market=self.name, reason=self.error)
        elif control.kind == "shutdown":
            _log.info("exchange announces its shutdown", market=self.name)
        for route in control.refused:
            lines = [line for line in self.lines if line.refuse(route)]
            if lines:
                self.refused[route] = control.error or "left out of the exchange's acknowledgement"
        return Answer(leaving=control.kind == "shutdown", reply=control.reply)

    @property
    def state(self) -> str:
        """connecting, connected, unreachable; ``partly connected`` when some lines are and some are not; ``polling`` where none are
        wanted and all goes well, ``idle`` where nothing is to be collected."""
        if self.polling.always:
            return "unreachable" if self.rest.problem else self.polling.state
        if not self.lines:
            if self.shared and self.learned.is_set() and not self.rest.problem:
                return "idle" if not self._by_wire else "connecting"
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
        if self.error:
            problems["refused"] = f"{self.errors} refusals on the socket, the last one: {self.error}"
        for route, reason in self.refused.items():
            problems[f"{route.channel} {route.wire_symbol}"] = f"refused: {reason}"
        problems |= {symbol: f"{sentence}." for symbol, sentence in self.disabled.items()}
        problems |= self.unknown
        return {f"{self.name} {name}": problem for name, problem in problems.items()}

    def ages_s(self) -> dict[str, float | None]:
        """Seconds since the last frame of each stream; None where there was none."""
        now_ns = time.time_ns()
        return {
            f"{stream.route.channel} {stream.route.wire_symbol}": (
                round((now_ns - stream.last_ns) / 1e9, 3) if stream.last_ns else None
            )
            for stream in self.streams
        }
