"""Each kind of rule: when it fires, when it clears, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert_rules import rule_from
from schemas.alert_store import StoredRule
from schemas.codec import UNIT
from streams.watcher.conditions import observe
from streams.watcher.states import Finding, State, new_state, watched

SECOND = 1_000_000
Event = dict[str, Any]


class Rule:
    """One rule of one instrument."""

    def __init__(
        self, kind: str, *, hysteresis: str = "0", cooldown_s: str = "0", **parameters: object
    ) -> None:
        rule = rule_from(
            {
                "id": "r",
                "condition": {"kind": kind, **parameters},
                "hysteresis": hysteresis,
                "cooldown_s": cooldown_s,
            }
        )
        self.watched = watched(StoredRule(rule))
        self.state = new_state(rule)

    def see(self, event: Event) -> list[Finding]:
        return list(observe(self.watched, self.state, event))

    def moves(self, events: Iterable[Event]) -> list[list[str]]:
        return [
            [f"{one.move} {one.direction}" if one.direction else str(one.move) for one in self.see(event)]
            for event in events
        ]


def trade(price: int | str, at_s: float = 0, *, quantity: int = 1, source: str = "ws") -> Event:
    whole = price * UNIT if isinstance(price, int) else int(float(price) * 1000) * UNIT // 1000
    return {"price": whole, "quantity": quantity * UNIT, "source": source, "receive_time": int(at_s * SECOND)}


def spread(bps: int | None, *, mid: int = 100, origin: str = "book", state: str = "live") -> Event:
    return {
        "spread_bps": None if bps is None else bps * UNIT,
        "mid": mid * UNIT,
        "origin": origin,
        "state": state,
        "receive_time": 0,
    }


def gap(name: str, phase: str, stream: str = "book") -> Event:
    return {"gap": name, "phase": phase, "stream": stream, "cause": "sequence", "receive_time": 0}


@pytest.mark.parametrize(
    ("direction", "prices", "said"),
    [
        ("up", [99, 100, 101, 99, 100], [[], ["fired up"], [], ["cleared up"], ["fired up"]]),
        ("up", [100, 101, 99, 100], [[], [], [], ["fired up"]]),
        ("down", [101, 100, 99, 101], [[], ["fired down"], [], ["cleared down"]]),
        ("down", [99, 98], [[], []]),
        ("both", [99, 101, 99, 99, 101], [[], ["fired up"], ["fired down"], [], ["fired up"]]),
        ("both", [100, 101, 99, 100, 101], [[], [], ["fired down"], ["fired up"], []]),
    ],
)
def test_a_price_has_to_come_from_the_other_side(
    direction: str, prices: list[int], said: list[list[str]]
) -> None:
    assert Rule("price_crosses", level="100", direction=direction).moves(map(trade, prices)) == said


def test_a_price_that_swings_around_the_level_is_one_alert() -> None:
    rule = Rule("price_crosses", level="100", direction="both", hysteresis="2")
    prices = [97, 100, 99, 100, 101, 98, 103, 97, 100]
    assert rule.moves(map(trade, prices)) == [
        [],
        ["fired up"],
        [],
        [],
        [],
        [],
        [],
        ["fired down"],
        ["fired up"],
    ]


def test_a_pause_lets_only_one_through() -> None:
    rule = Rule("price_crosses", level="100", direction="up", cooldown_s="10")
    events = [trade(price, at) for at, price in enumerate([99, 101, 99, 101, 99])]
    assert rule.moves(events) == [[], ["fired up"], ["cleared up"], ["suppressed up"], []]
    assert rule.moves([trade(101, 12)]) == [["fired up"]]


def test_what_is_fetched_later_is_no_price_of_now() -> None:
    rule = Rule("price_crosses", level="100", direction="up")
    events = [trade(99), trade(101, source="backfill"), trade(101, source="poll")]
    assert rule.moves(events) == [[], [], ["fired up"]]
    volumes = Rule("volume_spike", window_s=1, factor="2", windows=1)
    events = [trade(1, 0), trade(1, 1), trade(1, 2), trade(1, 3, quantity=9, source="backfill")]
    assert volumes.moves(events) == [[]] * 4


def test_the_middle_of_a_live_book_is_a_price_too() -> None:
    rule = Rule("price_crosses", level="100", direction="up", price="mid")
    events = [
        spread(1, mid=99),
        spread(1, mid=101, origin="ticker"),
        spread(1, mid=101, state="degraded"),
        spread(1, mid=101),
    ]
    assert rule.moves(events) == [[], [], [], ["fired up"]]


def test_a_finding_says_what_was_measured_and_against_what() -> None:
    rule = Rule("price_crosses", level="100.5", direction="up")
    rule.see(trade(100))
    [found] = rule.see(trade(101))
    assert (found.value, found.threshold) == (101 * UNIT, 201 * UNIT // 2)
    assert found.words == "the price has passed 100.5 going up: 101"


def test_a_change_is_measured_against_the_extremes_of_the_window() -> None:
    rule = Rule("change_percent", window_s=60, percent="5", hysteresis="2")
    prices = [(100, 0), (103, 10), (105, 20), (104, 30), (102, 40), (102, 90), (96, 100)]
    said = rule.moves(trade(*each) for each in prices)
    assert said == [[], [], ["fired up"], [], ["cleared up"], [], ["fired down"]]
    other = Rule("change_percent", window_s=60, percent="5", direction="down")
    assert other.moves([trade(100, 0), trade(106, 1), trade(100, 2)]) == [[], [], ["fired down"]]
    later = Rule("change_percent", window_s=60, percent="5")
    assert later.moves([trade(100, 0), trade(106, 61.5)]) == [[], []]


def test_a_change_is_exact() -> None:
    rule = Rule("change_percent", window_s=60, percent="33.333333333333333333")
    rule.see(trade(3))
    [found] = rule.see(trade(4))
    assert found.value == 33_333333333333333333
    assert found.words == "the price has gone up by 33.3333 % within 60 s"
    just = Rule("change_percent", window_s=60, percent="33.333333333333333334")
    assert just.moves([trade(3), trade(4)]) == [[], []]


def test_a_spread_is_over_and_back() -> None:
    rule = Rule("spread_bps_over", bps="5", hysteresis="1")
    events = [
        spread(5),
        spread(6),
        spread(7, origin="ticker"),
        spread(5),
        spread(4),
        spread(9, state="stale"),
    ]
    assert rule.moves(events) == [[], ["fired"], [], [], ["cleared"], []]
    ticker = Rule("spread_bps_over", bps="5", origin="ticker")
    assert ticker.moves([spread(6), spread(6, origin="ticker"), spread(None, origin="ticker")]) == [
        [],
        ["fired"],
        ["cleared"],
    ]


def test_a_cross_of_venues_ends_where_there_are_no_two_any_more() -> None:
    rule = Rule("cross_venue", bps="-1")
    events: list[Event] = [
        {"cross_bps": None if bps is None else bps * UNIT, "receive_time": 0} for bps in (None, -1, 0, None)
    ]
    assert rule.moves(events) == [[], [], ["fired"], ["cleared"]]


def test_a_spike_is_too_much_against_the_windows_before() -> None:
    rule = Rule("volume_spike", window_s=10, factor="3", windows=2)
    events = [
        trade(1, 5, quantity=100),  # a window that was not seen as a whole
        trade(1, 10, quantity=2),
        trade(1, 20, quantity=4),
        trade(1, 30, quantity=8),
        trade(1, 39, quantity=1),  # 9 >= 3 * 3
        trade(1, 39.5, quantity=1),
        trade(1, 40, quantity=1),  # the one before was too much as a whole
        trade(1, 50, quantity=1),  # 1 < 3 * 7
    ]
    assert rule.moves(events) == [[], [], [], [], ["fired"], [], [], ["cleared"]]


def test_windows_without_trades_count_as_nothing_traded() -> None:
    rule = Rule("volume_spike", window_s=10, factor="2", windows=2, minimum="3")
    events = [trade(1, 0), trade(1, 40, quantity=2), trade(1, 45), trade(1, 80)]
    assert rule.moves(events) == [[], [], ["fired"], ["cleared"]]
    without = Rule("volume_spike", window_s=10, factor="2", windows=2)
    assert without.moves(events) == [[], [], [], []]  # nothing is no mean to be compared with


def test_a_gap_ends_when_all_of_them_are_closed() -> None:
    rule = Rule("gap_opened", stream="book")
    events = [
        gap("1", "opened"),
        gap("2", "opened", "trades"),
        gap("3", "opened"),
        gap("1", "closed"),
        gap("9", "closed"),
        gap("3", "closed"),
    ]
    assert rule.moves(events) == [["fired"], [], [], [], [], ["cleared"]]
    assert Rule("gap_opened").moves([gap("2", "opened", "trades")]) == [["fired"]]


@given(
    st.sampled_from(
        [
            ("price_crosses", {"level": "5", "direction": "both"}),
            ("change_percent", {"window_s": 60, "percent": "30"}),
            ("volume_spike", {"window_s": 7, "factor": "1.5", "windows": 2}),
        ]
    ),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20), st.integers(1, 5)), max_size=40),
    st.integers(0, 40),
)
def test_a_state_that_was_stored_goes_on_as_the_one_it_was(
    kind: tuple[str, dict[str, object]], steps: list[tuple[int, int, int]], cut: int
) -> None:
    name, parameters = kind
    at_s, events = 0, []
    for price, step, quantity in steps:
        at_s += step
        events.append(trade(price, at_s, quantity=quantity))
    whole = Rule(name, hysteresis="1", cooldown_s="15", **parameters)
    said = [whole.see(event) for event in events]
    first, second = (Rule(name, hysteresis="1", cooldown_s="15", **parameters) for _ in range(2))
    begun = [first.see(event) for event in events[:cut]]
    second.state = msgspec.json.decode(msgspec.json.encode(first.state), type=State)
    assert begun + [second.see(event) for event in events[cut:]] == said
