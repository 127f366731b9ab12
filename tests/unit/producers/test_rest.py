"""REST calls: inside the budget, refusals obeyed, failures repeated, hopeless ones given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from bookmill.buffers import Buffer
from bookmill.errors import RefusedError
from bookmill.settings import ProducerSettings
from producers.account import Account
from producers.ledger import Ledger
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from tests.unit.producers import virtual_time
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

    return rest_of(answer, Ledger(None, clock=clock))


def rest_of(answer: Callable[[httpx2.Request], object], ledger: Ledger | None = None) -> Rest:
    return Rest(
        BinanceSpot(),
        "http://127.0.0.1:1",
        Account(ledger or Ledger(None), "binance.spot", 6000, 0.5),
        SETTINGS,
        transport=httpx2.MockTransport(answer),  # type: ignore[arg-type]  # sync and async ones
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
    assert one.account.used() == 250
    assert one.account.ask(250, Priority(Urgency.START)) > 0  # others have spent 5,650


def test_failures_are_repeated_and_shown_until_they_are_over() -> None:
    one = rest(
        iter([httpx2.ConnectError("refused"), httpx2.Response(503), httpx2.Response(200, content=b"{}")])
    )
    assert asyncio.run(got(one)) == b"{}"
    assert (one.counts.calls, one.counts.failed, one.problem) == (3, 2, "")


@pytest.mark.parametrize(
    ("status", "headers", "waits_s"),
    [(429, {"Retry-After": "7"}, 7), (418, {"Retry-After": "120"}, 120), (403, {}, 60), (429, {}, 60)],
)
def test_after_a_refusal_nothing_is_asked_before_the_time_it_names(
    status: int, headers: dict[str, str], waits_s: float
) -> None:
    asked: list[float] = []

    async def ask(clock: Callable[[], float]) -> Rest:
        def answers() -> Iterator[httpx2.Response]:
            asked.append(clock())
            yield httpx2.Response(status, headers=headers)
            asked.append(clock())
            yield httpx2.Response(200, content=b"{}")

        one = rest(answers(), clock)
        assert await one.get(REQUEST) == b"{}"
        await one.close()
        return one

    one = virtual_time.run(ask)
    assert waits_s <= asked[1] - asked[0] < waits_s + 1
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


def test_a_call_that_costs_more_than_the_share_is_refused_at_once() -> None:
    async def run() -> None:
        one = rest(iter([]))
        with pytest.raises(RefusedError, match=r"costs 3001 weight, producer.rest_weight_share allows 3000"):
            await one.get(RestRequest("/api/v3/depth", {}, 3001))
        await one.close()

    asyncio.run(run())


def test_the_most_urgent_call_is_made_first_and_equals_in_their_order() -> None:
    made: list[str] = []
    free = asyncio.Event()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        made.append(request.url.params["limit"])
        await free.wait()
        return httpx2.Response(200, content=b"{}")

    async def ask(_: object) -> None:
        one = rest_of(answer)
        wanted = [
            *(("metadata", Priority(Urgency.METADATA)) for _ in range(6)),
            ("backfill 1", Priority(Urgency.BACKFILL, name="A")),
            ("backfill 2", Priority(Urgency.BACKFILL, name="A")),
            ("seldom traded", Priority.resync("A", 1.0)),
            ("often traded", Priority.resync("B", 7.0)),
        ]
        tasks = []
        for name, priority in wanted:
            request = RestRequest("/x", {"limit": name}, 1)
            tasks.append(asyncio.ensure_future(one.get(request, priority=priority)))
            await asyncio.sleep(0.01)
        # Three of the least urgent are under way; the place that is kept for lost books is taken by one of them.
        assert made == ["metadata"] * 3 + ["seldom traded"]
        free.set()
        await asyncio.gather(*tasks)
        assert made[4:] == ["often traded", "backfill 1", "backfill 2", "metadata", "metadata", "metadata"]
        await one.close()

    virtual_time.run(ask)


def test_more_calls_than_may_wait_are_turned_away_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.rest._MOST_WAITING", 2)

    async def ask(clock: Callable[[], float]) -> None:
        one = rest(iter([httpx2.Response(200, content=b"{}")] * 3), clock)
        one.account.block(5.0)
        answers = await asyncio.gather(*(one.get(REQUEST) for _ in range(3)))
        assert answers == [b"{}", b"{}", None]
        assert one.buffer("calls") == Buffer("calls", 0, 2, "refuse", 1)
        await one.close()

    virtual_time.run(ask)


def test_while_the_ledger_fails_nothing_is_asked_and_it_is_said(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    calls: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        return httpx2.Response(200, content=b"{}")

    async def ask(_: object) -> None:
        one = rest_of(answer, ledger)
        with ledger.change() as (db, _now):
            db.execute("ALTER TABLE spent RENAME TO away")
        asking = asyncio.ensure_future(one.get(REQUEST))
        await asyncio.sleep(10)
        assert not calls
        assert one.problem.startswith(f"The account of REST weight in {tmp_path / 'ledger'} cannot be used")
        with ledger.change() as (db, _now):
            db.execute("ALTER TABLE away RENAME TO spent")
        assert await asking == b"{}"
        assert not one.problem
        await one.close()

    virtual_time.run(ask)
