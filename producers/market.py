"""One market of an exchange: learns its instruments, keeps its lines, serves its snapshots, and tells how it is."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence

import structlog

from bookmill.backoff import Backoff
from bookmill.errors import ConfigurationError, FrameError, RefusedError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.dead_letters import write_dead_letter
from producers.instruments import Choice, choose
from producers.kafka_writer import KafkaWriter
from producers.line import Line, LineState
from producers.rest import Rest
from producers.snapshots import Snapshots
from producers.stream import Stream
from venues.interface import Route, StreamOptions, Venue
from venues.messages import Instrument

__all__ = ["Market"]

_log = structlog.get_logger(__name__)

_OPENING_GAP_S = 0.25
"""Between the openings of a market's connections, so that they do not end at the same second a day later."""


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
    ) -> None:
        self.name = f"{venue.exchange}.{venue.market}"
        self.venue = venue
        self.choice: Choice | None = None
        self.lines: list[Line] = []
        self.streams: list[Stream] = []
        self.snapshots: Snapshots | None = None
        self.errors = 0
        self.strange = 0
        self.error = ""
        self._market = market
        self._settings = settings
        self._writer = writer
        self._topic = topic
        self._id = f"{producer_id}-{self.name}"
        self._waiting_s = 0.0
        self._proxy = market.proxy.get_secret_value() if market.proxy else None
        self.rest = Rest.of(venue, market, settings)
        self._require_budget()

    async def run(self) -> None:
        """Collect until cancelled; raises :class:`ConfigurationError` when none of the symbols exists."""
        try:
            offered = await self._learn_instruments()
            self.choice = choose(self._market.symbols, offered, self.name)
            for sentence in self.choice.unknown.values():
                _log.error("symbol is not collected", market=self.name, reason=sentence)
            for instrument in self.choice.instruments:
                if not instrument.trading:
                    _log.warning("instrument is not trading", market=self.name, symbol=instrument.symbol)
            if not self.choice.instruments:
                raise ConfigurationError(
                    " ".join(self.choice.unknown.values()) or f"{self.name} has no symbols to collect.",
                    hint=f"Set exchanges.{self.name}.symbols, or give --symbols.",
                )
            await self._collect(self.choice.instruments)
        finally:
            await self.rest.close()

    async def _collect(self, instruments: Sequence[Instrument]) -> None:
        by_wire = {one.wire_symbol: one for one in instruments}
        options = StreamOptions(("depth", "bookTicker", self._market.trades))
        self.snapshots = Snapshots(
            self.venue,
            self.rest,
            self._writer,
            self._topic,
            instruments=by_wire,
            connection=f"{self._id}-rest",
            levels=self._settings.snapshot_depth,
        )
        for number, plan in enumerate(self.venue.plan(list(by_wire), options)):
            streams = [
                Stream(route, by_wire[route.wire_symbol].symbol, self._topic, self._writer)
                for route in plan.routes
            ]
            self.streams += streams
            self.lines.append(
                Line(
                    f"{self._id}-{number}",
                    plan,
                    streams,
                    venue=self.venue,
                    address=self._market.websocket_url or self.venue.websocket_url,
                    settings=self._settings,
                    writer=self._writer,
                    aside=self._aside,
                    proxy=self._proxy,
                )
            )
        async with asyncio.TaskGroup() as group:
            group.create_task(self.snapshots.run())
            for start_after_s, line in zip(itertools.count(0.0, _OPENING_GAP_S), self.lines):
                group.create_task(line.run(start_after_s=start_after_s))

    async def _learn_instruments(self) -> Sequence[Instrument]:
        """Ask until the exchange answers: that it is away is shown, and no reason to end."""
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while True:
            try:
                body = await self.rest.get(self.venue.instruments_request())
                return await asyncio.to_thread(self.venue.parse_instruments, body or b"")
            except (FrameError, RefusedError) as error:
                self.rest.problem = error.message
                _log.warning("no instruments", market=self.name, reason=error.message)
                await asyncio.sleep(backoff.next_s())

    def _require_budget(self) -> None:
        """A share too small for a single call would wait for ever."""
        requests = [
            self.venue.instruments_request(),
            self.venue.snapshot_request("", self._settings.snapshot_depth),
        ]
        weight = max(request.weight for request in requests)
        if weight > self.rest.budget.own_limit:
            raise ConfigurationError(
                f"producer.rest_weight_share allows {self.rest.budget.own_limit} weight a minute at {self.name},"
                f" one call costs {weight}.",
                hint="Set a larger share, or a smaller producer.snapshot_depth.",
            )

    def _aside(self, frame: bytes, route: Route | None, time_ns: int) -> bool:
        """A frame of no stream of ours; True when the exchange says that it will close."""
        reason = (
            f"Frame of a stream that was not asked for: {route.channel} {route.wire_symbol}." if route else ""
        )
        if route is None:
            control = self.venue.control(frame)
            match control.kind:
                case "ack":
                    return False
                case "shutdown":
                    _log.info("exchange announces its shutdown", market=self.name)
                    return True
                case "error":
                    self.errors += 1
                    self.error = control.error or "no reason given"
                    _log.error("exchange refuses", market=self.name, reason=self.error)
                    return False
            reason = f"Neither data nor a known answer: {control.error or control.kind}."
        self.strange += 1
        if self.strange == 1:
            _log.warning("strange frame", market=self.name, reason=reason)
        write_dead_letter(self._writer, self._topic, frame, time_ns, reason)
        return False

    @property
    def state(self) -> str:
        """connecting, connected, unreachable; ``partly connected`` when some lines are and some are not."""
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
        problems: dict[str, str] = {}
        if self.rest.problem:
            problems["rest"] = self.rest.problem
        for line in self.lines:
            if line.state is not LineState.CONNECTED:
                problems[line.name] = line.problem or line.state.value
            if line.missing:
                problems[f"{line.name} streams"] = f"never delivered: {', '.join(line.missing)}"
        if self.snapshots and self.snapshots.problem:
            problems["snapshots"] = self.snapshots.problem
        if self.error:
            problems["refused"] = f"{self.errors} refusals on the socket, the last one: {self.error}"
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
