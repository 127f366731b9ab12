"""The REST weight budget: whatever is asked when, no 60 seconds ever hold more than allowed."""

from __future__ import annotations

import math
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from producers.budget import WeightBudget

CALLS = st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 250)), max_size=60)
"""Milliseconds since the call before, and the weight."""


@given(CALLS, st.integers(250, 2000), st.floats(0.2, 1))
def test_no_minute_holds_more_than_the_share(calls: list[tuple[int, int]], limit: int, share: float) -> None:
    budget = WeightBudget(limit, share)
    spent: list[tuple[float, int]] = []
    now_s = 0.0
    for gap_ms, weight in calls:
        now_s += gap_ms / 1000
        if math.isinf(budget.wait_s(weight, now_s)):
            assert weight > budget.own_limit
            continue
        while wait_s := budget.wait_s(weight, now_s):
            now_s = math.nextafter(now_s + wait_s, math.inf)
        budget.spend(weight, now_s)
        spent.append((now_s, weight))
    for start_s, _ in spent:
        assert sum(weight for time_s, weight in spent if start_s <= time_s < start_s + 60) <= limit * share


@given(st.lists(st.integers(1, 100), min_size=1, max_size=50), st.integers(100, 500))
def test_nobody_waits_longer_than_needed(weights: list[int], limit: int) -> None:
    budget = WeightBudget(limit, 1.0)
    for weight, total in zip(weights, accumulate(weights)):
        wait_s = budget.wait_s(weight, 10.0)
        assert (wait_s == 0) == (total <= limit)
        if wait_s:
            assert wait_s <= 60
            break
        budget.spend(weight, 10.0)


@given(st.integers(0, 3000), st.integers(1, 500), st.integers(1, 500))
def test_what_others_spent_counts_against_the_whole_limit(used: int, own: int, weight: int) -> None:
    budget = WeightBudget(1000, 0.5)
    budget.spend(own, 0.0)
    budget.observe(used, 0.0)
    foreign = max(0, used - own)
    fits = own + weight <= 500 and own + foreign + weight <= 1000
    assert (budget.wait_s(weight, 1.0) == 0) == fits
    assert budget.wait_s(weight, 60.0) == 0


@given(st.floats(1, 1000), st.integers(1, 400))
def test_nothing_is_asked_until_a_refusal_ends(seconds: float, weight: int) -> None:
    budget = WeightBudget(1000, 0.5)
    budget.block(seconds, 5.0)
    assert budget.wait_s(weight, 5.0) >= seconds - 1e-9
    assert budget.wait_s(weight, 5.0 + seconds) == 0
