"""What an exchange says on the sockets of a market beside the frames of its streams: answers, refusals, announcements, and what nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from producers.connection import Answer
from producers.dead_letters import write_dead_letter
from producers.kafka_writer import KafkaWriter
from producers.line import Line
from venues.interface import Control, Route, Venue

__all__ = ["Asides"]

_log = structlog.get_logger(__name__)


class Asides:
    """``lines`` gives those of the market now. ``errors`` counts what the exchange refused, ``strange`` frames that are neither data nor
    an answer we know (they are dead letters).
    """

    def __init__(
        self, name: str, venue: Venue, lines: Callable[[], Iterable[Line]], *, writer: KafkaWriter, topic: str
    ) -> None:
        self.errors = 0
        self.strange = 0
        self._error = ""
        self._refused: dict[Route, str] = {}
        """Streams the exchange does not deliver, with its reason; their neighbours go on."""
        self._name = name
        self._venue = venue
        self._lines = lines
        self._writer = writer
        self._topic = topic

    def take(self, frame: bytes, route: Route | None, time_ns: int) -> Answer:
        """A frame of no stream of ours: what follows from it."""
        if route is None:
            control = self._venue.control(frame)
            if control.kind != "unknown":
                return self._hear(control)
            reason = f"Neither data nor a known answer: {control.error or control.kind}."
        elif route.channel in self._venue.market_wide:
            return Answer()  # of an instrument nobody here collects
        else:
            reason = f"Frame of a stream that was not asked for: {route.channel} {route.wire_symbol}."
        self.strange += 1
        if self.strange == 1:
            _log.warning("strange frame", market=self._name, reason=reason)
        write_dead_letter(self._writer, self._topic, frame, time_ns, reason)
        return Answer()

    def forget(self, wire_symbol: str) -> None:
        """An instrument is collected no longer: what is refused of it is no problem any more."""
        self._refused = {
            route: why for route, why in self._refused.items() if route.wire_symbol != wire_symbol
        }

    def health(self) -> dict[str, str]:
        """What was refused."""
        problems = {}
        if self._error:
            problems["refused"] = f"{self.errors} refusals on the socket, the last one: {self._error}"
        for route, reason in self._refused.items():
            problems[f"{route.channel} {route.wire_symbol}"] = f"refused: {reason}"
        return problems

    def _hear(self, control: Control) -> Answer:
        """What the exchange says beside its data."""
        if control.kind == "error":
            self.errors += 1
            self._error = control.error or "no reason given"
            _log.error("exchange refuses", market=self._name, reason=self._error)
        elif control.kind == "shutdown":
            _log.info("exchange announces its shutdown", market=self._name)
        for route in control.refused:
            lines = [line for line in self._lines() if line.refuse(route)]
            if lines:
                self._refused[route] = control.error or "left out of the exchange's acknowledgement"
        return Answer(leaving=control.kind == "shutdown", reply=control.reply)
