"""Asks an exchange for what its socket does not bring, again and again, and writes the answers as records of kind ``poll``.

One thing after another, whichever has waited longest, at the pace ccxt keeps for the exchange. What is wanted changes while it
runs (:meth:`Poller.want`): the socket of some instruments dies, that of others is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import structlog

from bookmill.backoff import Backoff
from bookmill.errors import BookmillError, FrameError, RefusedError, UnavailableError
from bookmill.settings import ProducerSettings
from producers.ccxt_exchange import CcxtExchange
from producers.kafka_writer import KafkaWriter
from producers.polled_trades import SeenTrades
from schemas.raw_record import RawHeaders
from venues import polled
from venues.messages import Instrument

__all__ = ["POLLED", "PollCounts", "Poller", "Subject"]

_log = structlog.get_logger(__name__)

POLLED = ("book", "trades", "ticker", "klines")
"""What can be polled, in the words of the settings."""

_SELDOM = 5
"""Tickers and bars are asked for so many times less often than books and trades."""
_LONGEST_BACKOFF_S = 60.0
_LONGEST_PAUSE_S = 5.0
"""All wait so long at most when one poll had no answer, unless the exchange asks for more."""
_LAST_TRIES = 5


class Subject(NamedTuple):
    """One thing that is polled. ``interval``: of klines, else empty."""

    channel: str
    wire_symbol: str
    interval: str = ""


@dataclass
class PollCounts:
    """``polls`` made, ``failed`` of them; ``records`` written; ``trades`` in them, ``repeated`` ones left out; ``gaps``: answers with
    trades that did not reach back to the ones before.
    """

    polls: int = 0
    failed: int = 0
    records: int = 0
    trades: int = 0
    repeated: int = 0
    gaps: int = 0


@dataclass
class _Task:
    """When a subject is polled next. ``last``: what was written last, of what is written only when it changes."""

    due_s: float
    backoff: Backoff
    problem: str = ""
    ending: bool = False
    last: bytes = b""
    seen: SeenTrades = field(default_factory=SeenTrades)


class Poller:
    """``problem`` says why nothing (or not all) is polled now."""

    def __init__(
        self,
        name: str,
        exchange: CcxtExchange,
        instruments: Mapping[str, Instrument],
        settings: ProducerSettings,
        *,
        writer: KafkaWriter,
        topic: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.counts = PollCounts()
        self._exchange = exchange
        self._instruments = instruments
        self._settings = settings
        self._writer = writer
        self._topic = topic
        self._clock = clock
        self._tasks: dict[Subject, _Task] = {}
        self._absent: dict[Subject, str] = {}
        self._unavailable = ""
        self._paused_until_s = 0.0
        self._changed = asyncio.Event()

    @property
    def polling(self) -> int:
        """Instruments that are polled now."""
        return len({subject.wire_symbol for subject in self._tasks})

    @property
    def unavailable(self) -> bool:
        """Whether the exchange did not answer when it was asked last."""
        return bool(self._unavailable)

    @property
    def problem(self) -> str:
        """The first thing that is wrong."""
        if self._unavailable:
            return self._unavailable
        problems = (task.problem for task in self._tasks.values() if task.problem)
        return next(problems, "") or next(iter(self._absent.values()), "")

    def want(self, subjects: Mapping[Subject, int | None]) -> None:
        """From now on these and no others, with the time (Unix ms) from which on their trades are missing, None where all are.

        Trades that are not wanted any longer are polled once more: what was traded before the socket took over must not be missing.
        """
        for subject, since_ms in subjects.items():
            task = self._tasks.get(subject)
            if task is None:
                self._tasks[subject] = self._task(since_ms)
            elif task.ending:
                task.ending = False
        for subject in list(self._tasks.keys() - subjects.keys()):
            task = self._tasks[subject]
            if subject.channel != "trades" or not self._exchange.loaded:
                del self._tasks[subject]
            elif not task.ending:
                task.ending, task.due_s = True, self._clock()
        for subject in list(self._absent.keys() - subjects.keys()):
            del self._absent[subject]
        self._changed.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            if not self._tasks:
                self._unavailable = ""
                await self._changed.wait()
                self._changed.clear()
            elif not self._exchange.loaded:
                await self._load()
            else:
                await self._next()

    async def _load(self) -> None:
        """What ccxt needs to know before the first poll; tried until it is there, or not wanted any longer."""
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s)
        while self._tasks and not self._exchange.loaded:
            try:
                await self._exchange.load()
            except BookmillError as error:
                self.counts.failed += 1
                self._say_unavailable(error.message)
                await self._sleep(backoff.next_s())
        self._unavailable = ""

    async def _next(self) -> None:
        subject, task = min(self._tasks.items(), key=lambda item: item[1].due_s)
        wait_s = max(task.due_s, self._paused_until_s) - self._clock()
        if wait_s > 0:
            await self._sleep(wait_s)
            return  # something else may be due first by now
        try:
            await self._poll(subject, task)
        except UnavailableError as error:
            self._failed(task, error)
            self._say_unavailable(error.message)
            pause_s = max(self._exchange.retry_after_s, min(task.due_s - self._clock(), _LONGEST_PAUSE_S))
            self._paused_until_s = self._clock() + pause_s
        except (RefusedError, FrameError) as error:
            self._failed(task, error)
        else:
            self._unavailable = task.problem = ""
            task.backoff.reset()
            seldom = _SELDOM if subject.channel in {"ticker", "klines"} else 1
            task.due_s = self._clock() + self._settings.poll_interval_s * seldom
            if task.ending:
                self._tasks.pop(subject, None)
        if task.ending and task.backoff.attempts >= _LAST_TRIES:
            self._tasks.pop(subject, None)
        if self._writer.full:
            await self._writer.room()

    async def _poll(self, subject: Subject, task: _Task) -> None:
        instrument, exchange = self._instruments[subject.wire_symbol], self._exchange
        if not self._can(subject, instrument):
            del self._tasks[subject]
            return
        self.counts.polls += 1
        if subject.channel == "book":
            self._write(subject, polled.BOOK, msgspec.json.encode(await exchange.book(instrument)))
        elif subject.channel == "trades":
            made, all_asked_for = await exchange.trades(instrument)
            fresh = task.seen.fresh(made, cut=all_asked_for)
            self.counts.gaps += fresh.gap
            self.counts.repeated += len(made) - len(fresh.trades)
            if fresh.trades:
                self.counts.trades += len(fresh.trades)
                self._write(subject, polled.TRADES, msgspec.json.encode(fresh.trades))
        elif subject.channel == "ticker":
            ticker = await exchange.ticker(instrument)
            if ticker is not None:
                self._write(subject, polled.TICKER, msgspec.json.encode(ticker))
        else:
            bars = msgspec.json.encode(await exchange.bars(instrument, subject.interval))
            if bars != task.last:
                task.last = bars
                self._write(subject, polled.KLINES, bars)

    def _can(self, subject: Subject, instrument: Instrument) -> bool:
        """Whether the exchange has it by REST; noted where not."""
        if not self._exchange.has(instrument):
            self._absent[subject] = f"{self.name} {instrument.symbol} is not known to ccxt."
        elif not self._exchange.offers(subject.channel):
            self._absent[subject] = f"{self.name} cannot be asked for {subject.channel}."
        elif subject.interval and not self._exchange.has_interval(subject.interval):
            self._absent[subject] = f"{self.name} has no bars of {subject.interval}."
        else:
            return True
        _log.warning("not polled", reason=self._absent[subject])
        return False

    def _write(self, subject: Subject, channel: str, value: bytes) -> None:
        if subject not in self._tasks:
            return  # the socket has taken over while the answer was on its way
        instrument = self._instruments[subject.wire_symbol]
        headers = RawHeaders(
            receive_time_ns=time.time_ns(),
            kind="poll",
            channel=channel,
            connection=self.name,
            frame=self.counts.records,
            symbol=instrument.symbol,
            unit=instrument.unit.text,
        )
        self.counts.records += 1
        self._writer.write(self._topic, subject.wire_symbol.encode(), value, headers.encode())

    def _task(self, since_ms: int | None) -> _Task:
        backoff = Backoff(
            self._settings.backoff_initial_s, min(self._settings.backoff_max_s, _LONGEST_BACKOFF_S)
        )
        return _Task(self._clock(), backoff, seen=SeenTrades(since_ms))

    def _failed(self, task: _Task, error: BookmillError) -> None:
        self.counts.failed += 1
        if task.problem != error.message:
            _log.warning("poll failed", poller=self.name, reason=error.message)
        task.problem = error.message
        task.due_s = self._clock() + task.backoff.next_s()

    def _say_unavailable(self, reason: str) -> None:
        if reason != self._unavailable:
            _log.warning("cannot poll", poller=self.name, reason=reason)
        self._unavailable = reason

    async def _sleep(self, seconds: float) -> None:
        """So long, or until something else is wanted."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()
