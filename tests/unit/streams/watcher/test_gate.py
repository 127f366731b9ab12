"""The switch behind every alert: way back, pause, and what was so from the beginning."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.watcher.gate import Gate, Move


class Told:
    """Moves a gate by values against a threshold of 10 and a way back of 2, with a pause of 5 µs."""

    def __init__(self, pause: int = 5) -> None:
        self.gate, self.told, self.pause, self.now = Gate(), None, pause, 0

    def at(self, now: int, value: int) -> Move | None:
        self.now = now
        move = self.gate.move(
            over=value >= 10,
            back=value < 8,
            now_micros=now,
            told_micros=self.told,
            pause_micros=self.pause,
        )
        if move == "fired":
            self.told = now
        return move

    told: int | None


def test_it_fires_once_and_clears_behind_the_way_back() -> None:
    one = Told()
    moves = [one.at(now, value) for now, value in enumerate([5, 10, 11, 9, 8, 10, 7, 6])]
    assert moves == [None, "fired", None, None, None, None, "cleared", None]


def test_in_the_pause_nothing_is_said_and_what_still_holds_after_it_is() -> None:
    one = Told()
    assert [one.at(0, 10), one.at(1, 7)] == ["fired", "cleared"]
    assert [one.at(2, 10), one.at(3, 11)] == ["suppressed", None]
    assert one.at(5, 10) == "fired"
    assert [one.at(6, 0), one.at(7, 12), one.at(8, 0)] == ["cleared", "suppressed", None]
    assert one.at(10, 12) == "fired"


def test_what_was_so_from_the_beginning_has_not_begun() -> None:
    one = Told()
    one.gate.begin(over=True)
    assert [one.at(0, 12), one.at(1, 12), one.at(2, 7), one.at(3, 12)] == [None, None, None, "fired"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), max_size=60), st.integers(0, 20))
def test_fired_and_cleared_take_turns_and_keep_the_pause(steps: list[tuple[int, int]], pause: int) -> None:
    one, now = Told(pause), 0
    said: list[tuple[Move, int]] = []
    for step, value in steps:
        now += step
        move = one.at(now, value)
        if move in ("fired", "cleared"):
            said.append((move, now))
    assert [move for move, _ in said] == ["fired", "cleared"] * (len(said) // 2) + ["fired"] * (len(said) % 2)
    fired = [at for move, at in said if move == "fired"]
    assert all(later - before >= pause for before, later in pairwise(fired))


@pytest.mark.parametrize("value", [8, 9])
def test_between_the_two_it_stays_what_it_was(value: int) -> None:
    one = Told()
    assert one.at(0, value) is None
    one.at(1, 10)
    assert one.at(2, value) is None
    assert one.gate.phase == "told"
