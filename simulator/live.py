"""Runs the synthetic instruments of one market at a given rate of frames a second."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from simulator.dialect import Dialect
from simulator.hub import Hub
from simulator.instruments import Instrument
from simulator.market import OrderFlow

__all__ = ["LiveBook", "LiveMarket"]

_TICK_S = 0.01
_TICKS_A_BATCH = 10  # depth is published every 100 ms
_MOST_BEHIND_S = 1.0
_WAITING_S = 0.1
_START_ID = 10_000_000


class LiveMarket:
    """Order flow of many instruments, in rounds of 10 ms; depth batches of an instrument every 100 ms, spread over the rounds.

    The sequence of frames depends on seed and rate alone; what comes once a second is beside it, no part of the rate. When the machine is too slow for the rate, rounds come late; what could not be
    made up is counted in ``skipped_s``. While ``orders`` is False nobody orders: the clock goes on, books and trades stand still.
    ``ahead_ms``: how far the clock is ahead of the machine's, behind it where negative; changed while it runs, the clock jumps.
    """

    def __init__(
        self, instruments: Sequence[Instrument], dialect: Dialect, hub: Hub, *, rate: float, seed: int
    ) -> None:
        self._dialect = dialect
        self._hub = hub
        self._rate = rate
        self._random = random.Random(f"{dialect.name}:{seed}")  # noqa: S311  a market, not a key
        self._flows = [
            OrderFlow(
                instrument, ids, dialect.feed(instrument, hub), f"{dialect.name}:{seed}:{instrument.symbol}"
            )
            for instrument, ids in zip(instruments, dialect.update_ids(_START_ID))
        ]
        for flow in self._flows:
            flow.feed.truth = flow.truth
            hub.feeds[dialect.wire(flow.instrument.symbol)] = flow.feed
        self._owed = 0.0
        self._round = 0
        self._second = 0
        self.orders = True
        self.ahead_ms = 0
        self.skipped_s = 0.0
        self.books = {dialect.wire(flow.instrument.symbol): LiveBook(flow, dialect) for flow in self._flows}

    def tick(self, time_ms: int) -> None:
        """One round of orders at that time of the exchange's clock."""
        if self.orders:
            self._owed += self._rate * _TICK_S
        flows, count, draw = self._flows, len(self._flows), self._random.random
        if time_ms // 1000 != self._second:
            self._second = time_ms // 1000
            for flow in flows:
                flow.clock(time_ms)
        self._set_time(time_ms)
        while self._owed > 0 and self.orders:
            self._owed -= flows[int(draw() * count)].act()
        for flow in flows[self._round % _TICKS_A_BATCH :: _TICKS_A_BATCH]:
            self._owed -= flow.close_batch()
        self._round += 1

    async def run(self) -> None:
        """Open the market with its first subscriber, then run until cancelled."""
        await self._wait_for_subscribers()
        clock = asyncio.get_running_loop().time
        start_s, start_ms = clock(), time.time_ns() // 1_000_000
        rounds = 0
        while True:
            elapsed_s = rounds * _TICK_S + self.skipped_s
            self.tick(start_ms + int(elapsed_s * 1000) + self.ahead_ms)
            self._hub.flush()
            rounds += 1
            behind_s = clock() - start_s - elapsed_s - _TICK_S
            if behind_s > _MOST_BEHIND_S:
                self.skipped_s += behind_s
            await asyncio.sleep(max(0.0, -behind_s))

    async def _wait_for_subscribers(self) -> None:
        """Nothing moves meanwhile but the clock: the image that the first subscriber's book begins with has its time."""
        subscribed = asyncio.ensure_future(
            self._hub.wait_for_subscribers(self._hub.channels.values(), every=False)
        )
        try:
            while not subscribed.done():
                self._set_time(time.time_ns() // 1_000_000)
                await asyncio.wait({subscribed}, timeout=_WAITING_S)
        finally:
            subscribed.cancel()

    def _set_time(self, time_ms: int) -> None:
        for flow in self._flows:
            flow.feed.time_ms = time_ms


class LiveBook:
    """REST's view of a synthetic book."""

    def __init__(self, flow: OrderFlow, dialect: Dialect) -> None:
        self.instrument = flow.instrument
        self.opening_id = flow.opening_id - 1
        self.truth = flow.truth
        self._flow = flow
        self._dialect = dialect

    def snapshot(self, limit: int, time_ms: int) -> bytes:
        """The book of this moment, in the middle of a depth batch as a rule."""
        update_id, bids, asks = self._flow.book(limit)
        return self._dialect.book_body(self.instrument, update_id, bids, asks, time_ms)
