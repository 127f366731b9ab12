"""REST calls: inside the budget, refusals obeyed, failures repeated, hopeless ones given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import httpx2
import pytest

from bookmill.errors import RefusedError
from bookmill.settings import ProducerSettings
from producers.budget import WeightBudget
from producers.rest import Rest
from venues.binance import BinanceSpot
from venues.interface import RestRequest

REQUEST = RestRequest("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "5000"}, 250)
SETTINGS = ProducerSettings(backoff_initial_s=0.01, backoff_max_s=0.02)


def rest(answers: Iterator[httpx2.Response | Exception], clock: Callable[[], float] = lambda: 0.0) -> Rest:
    def answer(_: httpx2.Request) -> httpx2.Response:
        result = next(answers)
        if isinstance(result, Exception):
            raise result
        return result

    return Rest(
        BinanceSpot(),
        "http://127.0.0.1:1",
        WeightBudget(6000, 0.5),
        SETTINGS,
        clock=clock,
        transport=httpx2.MockTransport(answer),
    )


async def got(one: Rest) -> bytes | None:
    try:
        return await asyncio.wait_for(one.get(REQUEST), 5)
    finally:
        await one.close()


def test_the_body_is_untouched_and_the_exchanges_count_is_taken_over() -> None:
    body = b'{"lastUpdateId": 1,  "bids":[]}'
    one = rest(iter([httpx2.Response(200, content=body, headers={"X-MBX-USED-WEIGHT-1M": "5900"})]))
    assert asyncio.run(got(one)) == body
    assert one.budget.used(0.0) == 250
    assert one.budget.wait_s(250, 1.0) > 0  # others have spent 5,650


def test_failures_are_repeated_and_shown_until_they_are_over() -> None:
    one = rest(
        iter([httpx2.ConnectError("refused"), httpx2.Response(503), httpx2.Response(200, content=b"{}")])
    )
    assert asyncio.run(got(one)) == b"{}"
    assert (one.counts.calls, one.counts.failed, one.problem) == (3, 2, "")


def test_after_429_nothing_is_asked_before_the_time_it_names() -> None:
    now_s = 0.0

    def clock() -> float:
        nonlocal now_s
        now_s += 0.6
        return now_s

    asked: list[float] = []

    def answers() -> Iterator[httpx2.Response]:
        asked.append(now_s)
        yield httpx2.Response(429, headers={"Retry-After": "7"})
        asked.append(now_s)
        yield httpx2.Response(200, content=b"{}")

    one = rest(answers(), clock)
    with pytest.MonkeyPatch.context() as patch:
        sleep = asyncio.sleep
        patch.setattr("producers.rest.asyncio.sleep", lambda _: sleep(0))
        assert asyncio.run(got(one)) == b"{}"
    assert asked[1] - asked[0] >= 7
    assert one.counts.refused == 1


def test_an_error_of_ours_is_not_repeated() -> None:
    one = rest(iter([httpx2.Response(400, content=b'{"code":-1121,"msg":"Invalid symbol."}')]))
    with pytest.raises(RefusedError, match=r"says 400: .*Invalid symbol"):
        asyncio.run(got(one))


def test_what_nobody_wants_any_longer_is_not_asked() -> None:
    async def run() -> None:
        one = rest(iter([]))
        assert await one.get(REQUEST, wanted=lambda: False) is None
        await one.close()

    asyncio.run(run())
