"""Token buckets: so many at once, so many a second, everybody for himself, and never more of them than there may be."""

from __future__ import annotations

from gateway.rate_limits import RateLimits


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_then_as_many_as_a_second_brings() -> None:
    clock = Clock()
    limits = RateLimits(10.0, 5, clock=clock)
    assert [limits.take("a") for _ in range(5)] == [0.0] * 5
    assert limits.take("a") == 0.1
    assert limits.take("b") == 0.0, "another client has a bucket of its own"
    clock.now_s += 0.1
    assert limits.take("a") == 0.0
    assert limits.take("a") > 0
    clock.now_s += 1000.0
    assert sum(limits.take("a") == 0.0 for _ in range(100)) == 5, (
        "what is not used is not saved beyond the burst"
    )


def test_who_is_refused_pays_nothing_for_it() -> None:
    clock = Clock()
    limits = RateLimits(1.0, 1, clock=clock)
    assert limits.take("a") == 0.0
    for _ in range(1000):
        assert limits.take("a") == 1.0
    clock.now_s += 1.0
    assert limits.take("a") == 0.0


def test_a_flood_of_clients_does_not_grow_the_table_and_does_not_free_who_asks_all_the_time() -> None:
    clock = Clock()
    limits = RateLimits(1.0, 1, clients=100, clock=clock)
    assert limits.take("busy") == 0.0
    for number in range(1000):
        limits.take(f"client{number}")
        assert limits.take("busy") > 0
    assert (limits.buffer.used, limits.buffer.limit, limits.buffer.lost) == (100, 100, 901)
