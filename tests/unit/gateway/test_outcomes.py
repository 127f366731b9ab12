"""Whether what was asked for is so: by frames, and by what producers say of themselves."""

from __future__ import annotations

import pytest

from gateway.outcomes import Producers, judge
from schemas.subscriptions import Desired

NOW = 1_767_607_200_000_000
SECOND = 1_000_000
KEY = "binance.spot.BTC-USDT"
ONE = Producers({3: "first"})


def desired(*, on: bool, ago_s: float = 1.0) -> Desired:
    return Desired("binance", "spot", "BTC-USDT", on, asked_micros=int(NOW - ago_s * SECOND))


@pytest.mark.parametrize(
    ("heard_us", "producers", "partition", "state", "why"),
    [
        (NOW, ONE, 3, "collected", None),
        (NOW - SECOND, ONE, 3, "collected", None),
        (NOW - SECOND - 1, ONE, 3, "pending", "Nothing of it has come lately."),
        (0, ONE, 3, "pending", "Nothing of it has come yet."),
        (0, ONE, None, "pending", "Nothing of it has come yet."),
        (
            0,
            Producers({}),
            3,
            "pending",
            "No producer that shares instruments runs; the next one to start will collect it.",
        ),
        (
            0,
            Producers({3: "first"}, None, {KEY: "It has no such instrument."}),
            3,
            "pending",
            "It has no such instrument.",
        ),
    ],
)
def test_an_instrument_is_collected_when_frames_come_that_are_newer_than_the_question(
    heard_us: int, producers: Producers, partition: int | None, state: str, why: str | None
) -> None:
    found = judge(desired(on=True), partition, heard_us, producers, NOW)
    assert (found.state, found.why) == (state, why)
    assert found.collector == (producers.by_partition.get(3) if partition else None)


def test_one_that_was_asked_for_long_ago_has_to_be_heard_of_lately() -> None:
    long_ago = desired(on=True, ago_s=86_400)
    assert judge(long_ago, 3, NOW - 299 * SECOND, ONE, NOW).state == "collected"
    assert judge(long_ago, 3, NOW - 300 * SECOND, ONE, NOW).state == "pending"


@pytest.mark.parametrize(
    ("heard_us", "producers", "ago_s", "state"),
    [
        (NOW, Producers({3: "first"}, frozenset()), 0.1, "stopped"),
        (0, Producers({3: "first"}, frozenset({KEY})), 100, "pending"),
        (NOW - 2 * SECOND, ONE, 3, "stopped"),
        (NOW - 2 * SECOND + 1, ONE, 3, "pending"),
        (0, ONE, 1.9, "pending"),
        (0, ONE, 2, "stopped"),
        (NOW, Producers({}), 0.1, "stopped"),
    ],
)
def test_it_has_stopped_when_no_producer_says_it_collects_it_or_nothing_comes_any_more(
    heard_us: int, producers: Producers, ago_s: float, state: str
) -> None:
    found = judge(desired(on=False, ago_s=ago_s), 3, heard_us, producers, NOW)
    assert found.state == state
    assert (found.why is None) == (state == "stopped")
    assert found.collector is None
