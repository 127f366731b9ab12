"""Images that come in the stream are asked for by subscribing anew: not more often than it helps, and never for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from producers.line import Line
from producers.resubscriptions import Resubscriptions
from tests.unit.producers.fakes import until
from venues.messages import Instrument
from venues.registry import venue

BTC = Instrument("BTC-USDT", "BTC-USDT", "BTC", "USDT", tick=1, lot=1, trading=True)
NOW_S = 1_700_000_000.0


class FakeLine:
    name = "line"
    image_symbols = frozenset({"BTC-USDT"})
    beginning = False

    def __init__(self, *, connected: bool = True) -> None:
        self.sent: list[str] = []
        self.connected = connected

    def send(self, requests: Sequence[str]) -> bool:
        self.sent += requests if self.connected else ()
        return self.connected


def made(line: FakeLine, clock: list[float]) -> Resubscriptions:
    return Resubscriptions(
        venue("okx", "spot"), [cast("Line", line)], {"BTC-USDT": BTC}, clock=lambda: clock[0]
    )


def test_a_request_subscribes_anew_once_and_again_only_after_a_while() -> None:
    async def run() -> None:
        line, clock = FakeLine(), [NOW_S]
        one = made(line, clock)
        serving = asyncio.create_task(one.run())
        for _ in range(3):
            one.request("BTC-USDT", NOW_S)
        one.request("ETH-USDT", NOW_S)  # not ours
        await until(lambda: one.counts.served == 1)
        assert ['"op":"unsubscribe"' in line.sent[0], '"op":"subscribe"' in line.sent[1]] == [True, True]
        one.request("BTC-USDT", NOW_S)  # made before the image was asked for
        assert (one.counts.folded, one.waiting) == (3, 0)
        clock[0] = NOW_S + 3
        one.request("BTC-USDT", NOW_S + 3)
        await asyncio.sleep(0.5)
        assert (one.counts.served, one.waiting) == (1, 1)
        clock[0] = NOW_S + 9
        one.request("BTC-USDT", NOW_S + 9)  # a worker that waits asks again
        clock[0] = NOW_S + 11
        await until(lambda: one.counts.served == 2)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    asyncio.run(run())


def test_old_requests_are_void_and_a_line_that_is_away_brings_an_image_by_itself() -> None:
    async def run() -> None:
        line, clock = FakeLine(connected=False), [NOW_S]
        one = made(line, clock)
        one.request("BTC-USDT", NOW_S - 31)
        assert one.counts.expired == 1
        serving = asyncio.create_task(one.run())
        one.request("BTC-USDT", NOW_S)
        await until(lambda: not one.waiting)
        assert (one.counts.served, line.sent) == (0, [])
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    asyncio.run(run())
