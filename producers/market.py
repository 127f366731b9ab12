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
from producers.connection import Answer
from producers.dead_letters import write_dead_letter
from producers.instruments import Choice, choose
from producers.kafka_writer import KafkaWriter
from producers.ledger import Ledger
from producers.line import Line, LineState
from producers.listing import InstrumentLog, Listing
from producers.openings import Openings
from producers.polling import Polling
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from producers.resubscriptions import Resubscriptions
from producers.snapshots import Snapshots
from producers.stream import Stream
from producers.traded import Traded
from venues.interface import Control, Route, StreamOptions, TradeSpan, Venue
from venues.messages import Instrument

__all__ = ["Market"]

_log = structlog.get_logger(__name__)


class Market:
    """``choice`` is None until the exchange has told its instruments. ``errors`` counts what the exchange refused on a
    socket, ``strange`` frames that are neither data nor an answer we know (they are dead letters).
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
    ) -> None:
        self.name = f"{venue.exchange}.{venue.market}"
        self.venue = venue
        self.choice: Choice | None = None
        self.lines: list[Line] = []
        self.streams: list[Stream] = []
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
        self._waiting_s = 0.0
        self._by_wire: dict[str, Instrument] = {}
        """What is collected."""
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
        """Collect until cancelled; raises :class:`ConfigurationError` when none of the symbols exists."""
        try:
            offered = await self._learn_instruments()
            self.listing.take(offered)
            self.choice = choose(self._market.symbols, offered, self.name)
            for sentence in self.choice.unknown.values():
                _log.error("symbol is not collected", market=self.name, reason=sentence)
            for instrument in self.choice.instruments:
                if not instrument.trading:
                    self._disable(
                        instrument, f"is not trading{f' ({instrument.status})' if instrument.status else ''}"
                    )
            if not self.choice.instruments:
                raise ConfigurationError(
                    " ".join(self.choice.unknown.values()) or f"{self.name} has no symbols to collect.",
                    hint=f"Set exchanges.{self.name}.symbols, or give --symbols.",
                )
            await self._collect(self.choice.instruments)
        finally:
            await self.polling.close()
            await self.rest.close()

    async def _collect(self, instruments: Sequence[Instrument]) -> None:
        by_wire = self._by_wire
        by_wire.update({one.wire_symbol: one for one in instruments})
        options = StreamOptions(
            tuple(channel for channel in self._market.channels if channel in self.venue.channels),
            aggregated_trades=self._market.trades == "aggTrade",
            kline_intervals=self._market.kline_intervals,
        )
        others = [bar for bar in options.kline_intervals if bar not in self.venue.kline_intervals]
        if others and "klines" in options.channels:
            _log.info("bars are passed over, the exchange has none such", market=self.name, bars=others)
        carrying = [] if self.polling.always else self._open_lines(by_wire, options)
        async with asyncio.TaskGroup() as group:
            if not self.polling.always:
                self.snapshots = self._images(by_wire)
                group.create_task(self.snapshots.run())
                self.backfills = self._past_trades(by_wire, options)
                group.create_task(self.backfills.run())
                group.create_task(self._traded.run())
            group.create_task(self._watch_listing())
            polling = self.polling.run(
                by_wire,
                carrying,
                options,
                writer=self._writer,
                topic=self._topic,
                collects=lambda wire_symbol: by_wire[wire_symbol].symbol not in self.disabled,
            )
            group.create_task(polling)
            for line in self.lines:
                group.create_task(line.run())

    def _open_lines(
        self, by_wire: Mapping[str, Instrument], options: StreamOptions
    ) -> list[tuple[Line, Sequence[Stream]]]:
        """A line for each connection planned, with its streams."""
        carrying: list[tuple[Line, Sequence[Stream]]] = []
        trades: dict[str, Stream] = {}
        for number, plan in enumerate(self.venue.plan(list(by_wire), options)):
            streams = [self._stream(route, by_wire[route.wire_symbol]) for route in plan.routes]
            self.streams += streams
            trades |= {
                stream.route.wire_symbol: stream
                for stream in streams
                if stream.route.channel in self.venue.trade_channels
            }
            line = Line(
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
                trades=trades,
            )
            self.lines.append(line)
            carrying.append((line, streams))
        return carrying

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

    def _past_trades(self, instruments: Mapping[str, Instrument], options: StreamOptions) -> Backfills:
        """Who serves requests for trades that are missing."""
        return Backfills(
            self.venue,
            self.rest,
            self._writer,
            self._topic,
            instruments=instruments,
            connection=f"{self._id}-backfill",
            most_pages=self._settings.backfill_pages,
            aggregated=options.aggregated_trades,
            has_key=self._market.api_key is not None,
        )

    def _stream(self, route: Route, instrument: Instrument) -> Stream:
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
            self.listing.take(await self._learn_instruments())

    def _instrument_changed(self, instrument: Instrument, what: str) -> None:
        """One of ours goes, and does not stop the others; or comes back."""
        if self.choice is None or instrument.wire_symbol not in {
            one.wire_symbol for one in self.choice.instruments
        }:
            return
        if what == "is trading again":
            self.disabled.pop(instrument.symbol, None)
        elif what.startswith("is not"):
            self._disable(instrument, what)
        _log.warning("instrument has changed", market=self.name, symbol=instrument.symbol, what=what)
        self._by_wire[instrument.wire_symbol] = instrument
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
                urgency = Urgency.START if self.choice is None else Urgency.METADATA
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
        wanted and all goes well."""
        if self.polling.always:
            return "unreachable" if self.rest.problem else self.polling.state
        if not self.lines:
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
        if self.choice:
            problems.update(self.choice.unknown)
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
