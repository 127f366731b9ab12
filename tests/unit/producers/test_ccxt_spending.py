"""Polled calls spend from the account of the exchange like all others, and go behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bookmill.settings import MarketSettings
from producers.account import Account, account_name
from producers.ccxt_spending import Spending
from producers.ledger import Ledger
from producers.priorities import Priority
from tests.unit.producers import virtual_time
from venues.registry import venue

SPOT = venue("binance", "spot")
MARKET = MarketSettings()
Clock = Callable[[], float]


def account(ledger: Ledger) -> Account:
    return Account(ledger, account_name(SPOT, SPOT.rest_url, None), 6000, 0.5)


def test_a_cost_is_its_part_of_the_exchanges_weight_and_parts_add_up() -> None:
    async def spend(clock: Clock) -> list[int]:
        ledger, used = Ledger(None, clock=clock), []
        spending = Spending(SPOT, MARKET, 0.5, ledger, 50.0)  # 1200 costs a minute are 6000 weight
        for cost in (1.0, 0.3, 0.1, 0.1, 0.1):
            await spending.spend(cost)
            used.append(account(ledger).used())
        return used

    assert virtual_time.run(spend) == [5, 6, 7, 7, 8]


def test_a_poll_waits_for_weight_and_for_whatever_is_more_urgent() -> None:
    async def spend(clock: Clock) -> float:
        ledger = Ledger(None, clock=clock)
        spending = Spending(SPOT, MARKET, 0.5, ledger, 50.0)
        others = account(ledger)
        assert others.ask(2900, Priority.resync("A")) == 0.0
        assert others.ask(250, Priority.resync("B")) > 0.0
        began_s = clock()
        polling = asyncio.ensure_future(spending.spend(1.0))
        for _ in range(20):
            await asyncio.sleep(0.5)
            assert others.ask(250, Priority.resync("B")) > 0.0
        assert not polling.done()
        others.leave()
        await polling
        return clock() - began_s

    assert 10.0 <= virtual_time.run(spend) < 11.0


@pytest.mark.parametrize(("named_s", "blocked_s"), [(7.0, 7.0), (0.0, 60.0)])
def test_a_poll_that_is_refused_stops_all_calls(named_s: float, blocked_s: float) -> None:
    async def refuse(clock: Clock) -> float:
        ledger = Ledger(None, clock=clock)
        await Spending(SPOT, MARKET, 0.5, ledger, 50.0).block(named_s)
        return account(ledger).ask(1, Priority.resync("A"))

    assert virtual_time.run(refuse) == pytest.approx(blocked_s)
