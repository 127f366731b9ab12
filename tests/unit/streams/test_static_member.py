"""A worker whose name another one takes stops; one that was silent too long joins again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bookmill.errors import RefusedError
from streams.static_member import StaticMember

UNKNOWN = 25
BEAT = SimpleNamespace(error_code=0)
THROWN_OUT = SimpleNamespace(error_code=UNKNOWN)
COMMITTED = SimpleNamespace(topics=[("raw.binance.spot", [(0, 0), (1, 0)])])
NOT_COMMITTED = SimpleNamespace(topics=[("raw.binance.spot", [(0, 0), (1, UNKNOWN)])])
FETCHED = SimpleNamespace(topics=[("raw.binance.spot", [(0, 25, "text", 0)])])


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def member(clock: list[float]) -> StaticMember:
    return StaticMember("w1", 12.0, clock=lambda: clock[0])


@pytest.mark.parametrize("answer", [THROWN_OUT, NOT_COMMITTED])
def test_a_member_the_broker_no_longer_knows_stops(
    member: StaticMember, clock: list[float], answer: Any
) -> None:
    for _ in range(10):
        clock[0] += 3
        member.heard(BEAT)
        member.heard(COMMITTED)
        member.heard(FETCHED)
    clock[0] += 3
    with pytest.raises(RefusedError, match="joined the group as 'w1'"):
        member.heard(answer)


def test_one_that_was_silent_for_its_session_joins_again(member: StaticMember, clock: list[float]) -> None:
    clock[0] += 12
    member.heard(THROWN_OUT)
    member.heard(BEAT)
    clock[0] += 3
    with pytest.raises(RefusedError):
        member.heard(THROWN_OUT)


def test_each_answer_of_the_coordinator_is_heard_and_the_end_told_once(member: StaticMember) -> None:
    async def run() -> None:
        async def send(request: Any) -> Any:
            return request

        coordinator, told = SimpleNamespace(_send_req=send), list[RefusedError]()
        member.watch(coordinator, told.append)
        assert await coordinator._send_req(BEAT) is BEAT
        with pytest.raises(TimeoutError):  # a heartbeat rests: the library would join again
            await asyncio.wait_for(coordinator._send_req(THROWN_OUT), 0.01)
        with pytest.raises(RefusedError):
            await coordinator._send_req(NOT_COMMITTED)
        assert len(told) == 1

    asyncio.run(run())


def test_the_library_asks_by_the_one_way_that_is_watched() -> None:
    """The names are aiokafka's own: they are still what it sends heartbeats and commits with."""
    import inspect

    from aiokafka.consumer.group_coordinator import GroupCoordinator

    for method in ("_do_heartbeat", "_do_commit_offsets"):
        assert "await self._send_req(request)" in inspect.getsource(getattr(GroupCoordinator, method))
    assert "self._group_instance_id is None" in inspect.getsource(GroupCoordinator._maybe_leave_group)
