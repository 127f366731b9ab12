"""The rolling message window and the weight minute of a simulated exchange."""

from __future__ import annotations

from simulator.limits import RollingWindow, WeightBudget


def test_the_sixth_message_within_a_second_is_one_too_many() -> None:
    window = RollingWindow(5, 1.0)
    assert [window.admit(0.1 * number) for number in range(6)] == [True] * 5 + [False]


def test_the_window_rolls_so_a_burst_across_a_full_second_counts() -> None:
    window = RollingWindow(5, 1.0)
    assert all(window.admit(now) for now in (0.0, 0.9, 0.91, 0.92, 0.93))
    assert window.admit(1.0)  # the first is a second old
    assert not window.admit(1.5)  # a token bucket would let it pass


def test_four_messages_a_second_go_on_for_ever() -> None:
    window = RollingWindow(5, 1.0)
    assert all(window.admit(number / 4) for number in range(100))


def test_weight_is_spent_up_to_the_limit_and_fresh_in_the_next_minute() -> None:
    budget = WeightBudget(100)
    assert [budget.spend(50, 61.0).used for _ in range(2)] == [50, 100]
    refused = budget.spend(50, 61.0)
    assert (refused.status, refused.used, refused.retry_after_s) == (429, 100, 59)
    assert budget.spend(50, 120.0).status == 200


def test_going_on_after_429_is_a_ban_that_doubles() -> None:
    budget = WeightBudget(10, patience=2)
    assert budget.spend(10, 0.0).status == 200
    verdicts = [budget.spend(1, 1.0) for _ in range(4)]
    assert [verdict.status for verdict in verdicts] == [429, 429, 418, 418]
    assert verdicts[2].retry_after_s == 120
    assert budget.spend(1, 119.0).status == 418
    assert budget.spend(10, 122.0).status == 200
    assert [budget.spend(1, 123.0).status for _ in range(3)] == [429, 429, 418]
    assert budget.spend(1, 123.0).retry_after_s == 240
