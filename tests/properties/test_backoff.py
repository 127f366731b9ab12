"""Backoff: bounded, jittered, growing until the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookmill.backoff import Backoff, delay_s

INITIAL = st.floats(0.001, 10)
LONGEST = st.floats(10, 1000)
JITTER = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10**9), INITIAL, LONGEST, JITTER)
def test_a_delay_is_never_nothing_and_never_above_the_bound(
    attempt: int, initial_s: float, max_s: float, jitter: float
) -> None:
    delay = delay_s(attempt, initial_s=initial_s, max_s=max_s, jitter=jitter)
    assert initial_s / 2 <= delay <= max_s


@given(st.integers(1, 100), INITIAL, LONGEST, JITTER)
def test_delays_of_equal_jitter_only_grow(
    attempt: int, initial_s: float, max_s: float, jitter: float
) -> None:
    first, second = (
        delay_s(number, initial_s=initial_s, max_s=max_s, jitter=jitter) for number in (attempt, attempt + 1)
    )
    assert first <= second


@given(st.integers(1, 20))
def test_after_a_reset_it_starts_anew(failures: int) -> None:
    backoff = Backoff(1.0, 1e9, jitter=lambda: 0.0)
    delays = [backoff.next_s() for _ in range(failures)]
    assert delays == [0.5 * 2**number for number in range(failures)]
    backoff.reset()
    assert backoff.next_s() == 0.5
