"""Control calls: what is written, what is said of it, and that a stop remembers what a start has to bring back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest

from gateway.control import Control
from gateway.errors import ApiError
from gateway.live import LiveState
from gateway.parts import Collectors, Parts
from schemas.subscriptions import Collector, Desired, Stored, SubscriptionStore

T = TypeVar("T")


class Topic:
    """``control.subscriptions`` in memory: what is written is read back, by the gateway's feed too."""

    def __init__(self, live: LiveState) -> None:
        self.live = live
        self.states: dict[str, Desired] = {}
        self.written: list[list[Desired]] = []

    def read(self) -> Mapping[str, Stored]:
        return {key: Stored(one, 3) for key, one in self.states.items()}

    def write(self, states: Iterable[Desired]) -> None:
        new = list(states)
        self.written.append(new)
        for one in new:
            self.states[one.key] = one
            self.live.take(
                "control.subscriptions",
                {
                    "exchange": one.exchange,
                    "market": one.market,
                    "symbol": one.symbol,
                    "on": one.on,
                    "channels": list(one.channels),
                    "asked_by": one.asked_by,
                    "asked_time": one.asked_micros,
                    "partition": 3,
                },
            )


class Group:
    async def find(self) -> Sequence[Collector]:
        return [Collector("first", frozenset({3}))]


class Said:
    """A producer that says what it collects: all that is on but what it refuses."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.refused: dict[str, str] = {}

    async def all(self) -> list[dict[str, Any]]:
        collected = [key for key, one in self.topic.states.items() if one.on and key not in self.refused]
        return [
            {"statistics": None, "problems": {"status": "does not answer"}},
            {"statistics": {"rows": 1}, "problems": {}},
            {
                "statistics": {"subscriptions": {"collected": collected}},
                "problems": {f"subscription {key}": why for key, why in self.refused.items()},
            },
        ]


class World:
    def __init__(self, calls: int = 16) -> None:
        self.now_us = 1_767_607_200_000_000
        self.live = LiveState(recent_trades=10)
        self.topic = Topic(self.live)
        self.said = Said(self.topic)
        self.control = Control(
            cast("SubscriptionStore", self.topic),
            cast("Collectors", Group()),
            cast("Parts", self.said),
            self.live,
            clock=lambda: self.now_us,
            calls=calls,
        )

    def hear(self, symbol: str) -> None:
        self.live.take(
            "spreads",
            {
                "exchange": "binance",
                "market": "spot",
                "symbol": symbol,
                "origin": "ticker",
                "receive_time": self.now_us,
            },
        )

    def desired(self, symbol: str, *, on: bool = True, **more: Any) -> Desired:
        more = {"asked_by": "somebody", "asked_micros": self.now_us, **more}
        return Desired("binance", "spot", symbol, on, **more)


def run(call: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(call)


def test_what_is_asked_for_is_written_and_answered_when_it_is_so() -> None:
    world = World()
    world.hear("BTC-USDT")
    [outcome] = run(world.control.write([world.desired("BTC-USDT", channels=("book",))], 60))
    assert (outcome.state, outcome.collector) == ("collected", "first")
    assert world.topic.states["binance.spot.BTC-USDT"].channels == ("book",)
    [outcome] = run(world.control.write([world.desired("BTC-USDT", on=False)], 60))
    assert outcome.state == "stopped"


def test_who_does_not_wait_is_told_what_is_pending_and_why() -> None:
    world = World()
    [outcome] = run(world.control.write([world.desired("BTC-USDT")], 0))
    assert (outcome.state, outcome.why) == ("pending", "Nothing of it has come yet.")
    world.said.refused["binance.spot.BTC-USDT"] = "binance.spot has no instrument BTC-USDT."
    [outcome] = run(world.control.write([world.desired("BTC-USDT")], 0))
    assert outcome.why == "binance.spot has no instrument BTC-USDT."


def test_it_is_waited_for() -> None:
    world = World()

    async def both() -> str:
        waiting = asyncio.create_task(world.control.write([world.desired("BTC-USDT")], 60))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        world.hear("BTC-USDT")
        [outcome] = await waiting
        return outcome.state

    assert run(both()) == "collected"


def test_a_start_brings_back_just_what_the_stop_has_ended() -> None:
    world = World()
    other = Desired("okx", "swap", "BTC-USDT", on=True, asked_by="me", asked_micros=world.now_us)
    before = [
        world.desired("A-USDT", channels=("book", "trades"), asked_by="settings of producer p; odd"),
        world.desired("B-USDT"),
        world.desired("C-USDT", on=False, asked_by="who ended it before"),
        other,
    ]
    world.topic.write(before)
    world.now_us += 1_000_000
    outcomes = run(world.control.stop("binance", "key:operator", 60))
    assert [(one.desired.symbol, one.state) for one in outcomes] == [
        ("A-USDT", "stopped"),
        ("B-USDT", "stopped"),
    ]
    assert all("key:operator" in one.desired.asked_by for one in outcomes)
    assert world.topic.states["okx.swap.BTC-USDT"] == other
    assert run(world.control.stop("binance", "again", 0)) == [], (
        "it is ended already, and remembered as it was"
    )
    world.now_us += 1_000_000
    outcomes = run(world.control.start("binance", 0))
    assert [one.desired.symbol for one in outcomes] == ["A-USDT", "B-USDT"]
    now = {key: replace(one, asked_micros=0) for key, one in world.topic.states.items()}
    assert now == {one.key: replace(one, asked_micros=0) for one in before}
    assert world.topic.states["binance.spot.A-USDT"].asked_micros == world.now_us
    assert run(world.control.start("binance", 0)) == []


def test_one_that_was_asked_for_meanwhile_is_no_longer_the_stops_to_bring_back() -> None:
    world = World()
    world.topic.write([world.desired("A-USDT"), world.desired("B-USDT")])
    run(world.control.stop("binance", "me", 0))
    run(world.control.write([world.desired("A-USDT", on=False)], 0))
    assert [one.desired.symbol for one in run(world.control.start("binance", 0))] == ["B-USDT"]


def test_everything_that_was_asked_for_is_listed_by_name() -> None:
    world = World()
    world.topic.write([world.desired("B-USDT"), world.desired("A-USDT", on=False, asked_micros=0)])
    world.hear("B-USDT")
    found = run(world.control.all())
    assert [(one.desired.symbol, one.state) for one in found] == [
        ("A-USDT", "stopped"),
        ("B-USDT", "collected"),
    ]


def test_only_so_many_calls_wait_at_a_time() -> None:
    world = World(calls=2)

    async def flood() -> list[Any]:
        calls = [world.control.write([world.desired("BTC-USDT")], 0.2) for _ in range(5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    found = run(flood())
    refused = [each for each in found if isinstance(each, ApiError)]
    assert [each.status for each in refused] == [503] * 3
    assert (world.control.buffer.used, world.control.buffer.lost) == (0, 3)
    with pytest.raises(ApiError):
        raise refused[0]
