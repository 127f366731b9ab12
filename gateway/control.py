"""What shall be collected, as the gateway's callers say it: written to ``control.subscriptions``, and followed until it is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bookmill.buffers import Buffer
from gateway.errors import ApiError
from gateway.live import LiveState
from gateway.outcomes import Outcome, Producers, judge
from gateway.parts import Collectors, Parts
from schemas.subscriptions import Desired, Stored, SubscriptionStore

__all__ = ["Control"]

_LOOK_S = 0.1
_ASK_S = 0.5
_CALLS = 16
_STOPPED = "collectors/stop by "
_BEFORE = "; asked for by "


class Control:
    """``clock`` in microseconds since the epoch. So many calls as ``calls`` run at a time; one more is told to come back."""

    def __init__(
        self,
        store: SubscriptionStore,
        collectors: Collectors,
        parts: Parts,
        live: LiveState,
        *,
        clock: Callable[[], int],
        calls: int = _CALLS,
    ) -> None:
        self._store = store
        self._collectors = collectors
        self._parts = parts
        self._live = live
        self._clock = clock
        self._writing = asyncio.Lock()
        self._limit = calls
        self._running = self._refused = 0

    @property
    def buffer(self) -> Buffer:
        """Calls that run."""
        return Buffer("control calls", self._running, self._limit, "refuse", self._refused)

    async def all(self) -> list[Outcome]:
        """Everything that was ever asked for, by key."""
        producers = await self._producers(ask_them=False)
        return [
            self._judge(desired, producers) for desired in self._desired(self._live.subscriptions.values())
        ]

    async def write(self, states: Sequence[Desired], wait_s: float) -> list[Outcome]:
        """Store these, and say how they stand as soon as they are reached, or after ``wait_s``."""
        async with self._call():
            async with self._writing:
                await asyncio.to_thread(self._store.write, states)
            return await self._await(states, wait_s)

    async def stop(self, exchange: str, who: str, wait_s: float) -> list[Outcome]:
        """End everything of an exchange, so that :meth:`start` finds it again."""

        def ended(one: Desired) -> Desired | None:
            if one.exchange != exchange or not one.on:
                return None
            return replace(one, on=False, asked_by=f"{_STOPPED}{who}{_BEFORE}{one.asked_by}")

        return await self._change(ended, wait_s)

    async def start(self, exchange: str, wait_s: float) -> list[Outcome]:
        """Begin again what :meth:`stop` has ended, as it was asked for before."""

        def begun(one: Desired) -> Desired | None:
            if one.exchange != exchange or one.on or not one.asked_by.startswith(_STOPPED):
                return None
            return replace(one, on=True, asked_by=one.asked_by.partition(_BEFORE)[2])

        return await self._change(begun, wait_s)

    async def _change(self, changed: Callable[[Desired], Desired | None], wait_s: float) -> list[Outcome]:
        async with self._call():
            async with self._writing:
                stored: Mapping[str, Stored] = await asyncio.to_thread(self._store.read)
                now_us = self._clock()
                states = [
                    replace(new, asked_micros=now_us)
                    for _, one in sorted(stored.items())
                    if (new := changed(one.desired)) is not None
                ]
                if states:
                    await asyncio.to_thread(self._store.write, states)
            return await self._await(states, wait_s)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        if self._running >= self._limit:
            self._refused += 1
            raise ApiError(503, "unavailable", "Too many control calls run.", hint="Ask again in a moment.")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _await(self, states: Sequence[Desired], wait_s: float) -> list[Outcome]:
        until_s = time.monotonic() + wait_s
        ask_at_s = 0.0
        producers = Producers({})
        while True:
            if time.monotonic() >= ask_at_s:
                producers = await self._producers(ask_them=True)
                ask_at_s = time.monotonic() + _ASK_S
            found = [self._judge(desired, producers) for desired in states]
            if time.monotonic() >= until_s or all(one.state != "pending" for one in found):
                return found
            await asyncio.sleep(_LOOK_S)

    def _judge(self, desired: Desired, producers: Producers) -> Outcome:
        instrument = self._live.instruments.get(desired.key)
        told = self._live.subscriptions.get(desired.key)
        return judge(
            desired,
            None if told is None else told["partition"],
            0 if instrument is None else instrument.heard_us,
            producers,
            self._clock(),
        )

    async def _producers(self, *, ask_them: bool) -> Producers:
        by_partition = {
            number: one.producer for one in await self._collectors.find() for number in one.partitions
        }
        return Producers(by_partition, *(_said(await self._parts.all()) if ask_them else ()))

    def _desired(self, events: Collection[Mapping[str, Any]]) -> Iterable[Desired]:
        for event in sorted(events, key=lambda event: (event["exchange"], event["market"], event["symbol"])):
            yield Desired(
                event["exchange"],
                event["market"],
                event["symbol"],
                event["on"],
                tuple(event["channels"]),
                event["asked_by"],
                event["asked_time"],
            )


def _said(parts: Iterable[Mapping[str, Any]]) -> tuple[frozenset[str] | None, Mapping[str, str]]:
    """What the producers that share say of themselves: what they collect, and why they do not."""
    collected: frozenset[str] | None = None
    refused: dict[str, str] = {}
    for part in parts:
        sharing = (part["statistics"] or {}).get("subscriptions")
        if not isinstance(sharing, Mapping):
            continue
        collected = (collected or frozenset()) | frozenset(sharing.get("collected", ()))
        for name, problem in part["problems"].items():
            if name.startswith("subscription "):
                refused[name.partition(" ")[2]] = problem
    return collected, refused
