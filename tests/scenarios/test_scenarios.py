"""Every market under every scenario that its simulated exchange offers. All markets run at once: most of the time is waiting."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from simulator.registry import DIALECTS
from tests.scenarios import mix
from tests.scenarios.room import Room
from tests.scenarios.scenarios import scenarios_of
from tests.scenarios.settings import room_of

_CASES = [(name, scenario) for name in DIALECTS for scenario in scenarios_of(name)]

_ROOMS = 2
"""Of each market: its cases are divided among them."""

_SESSIONS = {"session_s": 4.5, "rotate_after_s": 2.5}
_CLOCKS: Mapping[str, Mapping[str, Any]] = {
    "binance.spot": {"clock_scale": 40.0, **_SESSIONS},
    "binance.usdm": {"clock_scale": 200.0, **_SESSIONS},
    "binance.coinm": {"clock_scale": 200.0, **_SESSIONS},
    "okx.swap": {"clock_scale": 15.0},
    "bybit.linear": {"clock_scale": 20.0},
    "kraken.spot": {"clock_scale": 20.0},
    "coinbase.spot": {"clock_scale": 5.0},
    "coinbase-advanced.spot": {"clock_scale": 4.0},
    "deribit.swap": {"clock_scale": 5.0},
}
"""Much faster than a clock, but for what the client says by its own: pings, subscriptions within 5 s, answers within 10."""

Outcomes = Mapping[tuple[str, str], str]


_ALWAYS = frozenset({"calm", "drop"})
"""Run with all other tests; the others want a machine that is not busy."""


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """What became of each selected case: nothing, or what went wrong."""
    chosen: dict[str, list[str]] = {}
    for item in request.session.items:
        if (
            isinstance(item, pytest.Function)
            and item.originalname == test_a_market_ends_with_the_exchanges_books.__name__
        ):
            case = item.callspec.params
            chosen.setdefault(str(case["name"]), []).append(str(case["scenario"]))
    return asyncio.run(_all(chosen))


@pytest.mark.parametrize(
    ("name", "scenario"),
    [pytest.param(*case, marks=() if case[1] in _ALWAYS else pytest.mark.scenario) for case in _CASES],
)
def test_a_market_ends_with_the_exchanges_books(name: str, scenario: str, outcomes: Outcomes) -> None:
    if problem := outcomes[name, scenario]:
        pytest.fail(problem, pytrace=False)


async def _all(chosen: Mapping[str, Sequence[str]]) -> Outcomes:
    found: dict[tuple[str, str], str] = {}
    async with asyncio.TaskGroup() as group:
        for name, scenarios in chosen.items():
            for part in range(_ROOMS):
                group.create_task(_one_after_the_other(name, scenarios[part::_ROOMS], found))
    return found


async def _one_after_the_other(
    name: str, scenarios: Sequence[str], found: dict[tuple[str, str], str]
) -> None:
    """In one simulator and one producer; what a failure leaves behind is thrown away."""
    waiting = list(scenarios)
    while waiting:
        async with AsyncExitStack() as opened:
            room: Room | None = None
            while waiting:
                scenario = waiting.pop(0)
                problem = ""
                try:
                    if room is None:
                        room = await opened.enter_async_context(room_of(name))
                    await room.calm()
                    await scenarios_of(name)[scenario](room)
                except Exception as error:  # noqa: BLE001  whatever it is, it is this case's
                    problem = "".join(traceback.format_exception(error))
                found[name, scenario] = problem
                if problem:
                    break


@pytest.mark.scenario
def test_the_exchanges_clocks_ask_and_cut_and_nothing_is_lost() -> None:
    """On fast clocks: pings, idle timeouts, heartbeats, and Binance's sessions, whose connections are replaced before they end."""

    async def one(name: str, settings: Mapping[str, Any]) -> None:
        async with room_of(name, **settings) as room:
            await room.calm()
            await asyncio.sleep(5.5)
            await room.agrees()
            counts = room.counts()
            assert not counts.lost, room.describe()
            assert counts.replaced >= (2 if "session_s" in settings else 0), room.describe()
            connections = room.simulator.counts()[room.market_name]["connections"]
            assert (
                not connections["pong_timeouts"]
                + connections["sessions_ended"]
                + connections["closed_by_session"]
            )
            assert not connections["too_many_messages"]

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for name, settings in _CLOCKS.items():
                group.create_task(one(name, settings))

    asyncio.run(run())


@pytest.mark.scenario
def test_a_mix_of_everything_ends_with_the_exchanges_books() -> None:
    reports = asyncio.run(mix.run(list(DIALECTS), seconds=20.0, seed=7))
    assert all(report.faults for report in reports)
    assert not [report.problem for report in reports if report.problem], mix.table(reports)
