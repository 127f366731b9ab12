"""The synchronizer's table of states and events (its docstring), cell by cell."""

from __future__ import annotations

from streams.synchronizer import Phase, Synchronizer
from venues.binance.continuity import SpotContinuity, UsdmContinuity
from venues.messages import BookDiff, BookImage

SECOND = 1_000_000


def diff(
    first: int, last: int, *, price: int = 10, quantity: int = 1, time: int = 0, previous: int | None = None
) -> BookDiff:
    return BookDiff(first, last, previous, [(price, quantity)], [], time)


def image(last: int, time: int | None = None) -> BookImage:
    return BookImage(last, [(9, 1)], [(20, 1)], time)


def spot(pending_limit: int = 100) -> Synchronizer:
    return Synchronizer(SpotContinuity(), pending_limit)


def live(last: int = 100, time: int = 0) -> Synchronizer:
    one = spot()
    assert list(one.install(image(last - 1))) == []
    assert one.offer(diff(last, last, time=time))
    return one


def ids(diffs: list[BookDiff]) -> list[int]:
    return [one.last_id for one in diffs]


def test_empty_keeps_a_diff_and_wants_a_snapshot() -> None:
    one = spot()
    assert not one.needs_image
    assert not one.offer(diff(1, 2))
    assert (one.phase, one.needs_image, one.reason, one.pending) == (Phase.BUFFERING, True, "first", 1)


def test_empty_takes_a_snapshot_and_is_live() -> None:
    one = spot()
    assert list(one.install(image(100))) == []
    assert (one.phase, one.last_id, one.joined, one.reason) == (Phase.LIVE, 100, False, "")
    assert one.book.top() == (9, 1, 20, 1)


def test_waiting_diffs_are_judged_by_the_snapshot() -> None:
    one = spot()
    for first, last in [(95, 99), (100, 105), (106, 108)]:
        one.offer(diff(first, last))
    assert ids(list(one.install(image(102)))) == [105, 108]
    assert (one.phase, one.last_id, one.counters.old, one.counters.joins, one.pending) == (
        Phase.LIVE,
        108,
        1,
        1,
        0,
    )


def test_the_book_stands_at_each_waiting_diff_as_it_is_yielded() -> None:
    one = spot()
    one.offer(diff(101, 101, price=11))
    one.offer(diff(102, 102, price=12))
    assert [one.book.top()[0] for _ in one.install(image(100))] == [11, 12]


def test_a_snapshot_older_than_the_waiting_diffs_leaves_them_waiting() -> None:
    one = spot()
    one.offer(diff(95, 99))
    assert list(one.install(image(90))) == []
    assert (one.phase, one.reason, one.pending, one.counters.joins, one.counters.gaps) == (
        Phase.BUFFERING,
        "old",
        1,
        0,
        0,
    )
    assert ids(list(one.install(image(96)))) == [99]
    assert one.phase is Phase.LIVE


def test_a_hole_among_waiting_diffs_starts_keeping_from_it_on() -> None:
    one = spot()
    for first, last in [(101, 105), (110, 112), (113, 114)]:
        one.offer(diff(first, last))
    assert ids(list(one.install(image(100)))) == [105]
    assert (one.phase, one.reason, one.pending, one.counters.gaps) == (Phase.BUFFERING, "gap", 2, 1)
    assert ids(list(one.install(image(111)))) == [112, 114]


def test_live_applies_what_follows_and_drops_what_is_old() -> None:
    one = live(100)
    assert one.offer(diff(101, 103))
    assert not one.offer(diff(101, 103))
    assert (one.phase, one.last_id, one.counters.old) == (Phase.LIVE, 103, 1)


def test_a_hole_while_live_loses_the_book_and_keeps_the_diff() -> None:
    one = live(100)
    assert not one.offer(diff(110, 112))
    assert (one.phase, one.reason, one.pending, one.counters.gaps) == (Phase.BUFFERING, "gap", 1, 1)
    assert ids(list(one.install(image(110)))) == [112]
    assert one.phase is Phase.LIVE


def test_live_ignores_a_snapshot() -> None:
    one = live(100)
    assert list(one.install(image(150))) == []
    assert (one.last_id, one.counters.ignored_images) == (100, 1)


def test_an_old_id_with_a_newer_time_is_a_restart() -> None:
    one = live(100, time=5 * SECOND)
    assert not one.offer(diff(7, 8, time=6 * SECOND))
    assert (one.phase, one.reason, one.counters.restarts, one.pending) == (Phase.BUFFERING, "restart", 1, 1)


def test_an_old_id_from_long_ago_is_a_restart_one_of_the_past_minute_a_repetition() -> None:
    one = live(100, time=100 * SECOND)
    assert not one.offer(diff(7, 8, time=41 * SECOND))
    assert one.phase is Phase.LIVE
    assert not one.offer(diff(7, 8, time=39 * SECOND))
    assert (one.phase, one.reason) == (Phase.BUFFERING, "restart")


def test_diffs_kept_of_a_sequence_that_was_restarted_are_forgotten() -> None:
    one = spot()
    one.offer(diff(100, 109, time=1 * SECOND))
    one.offer(diff(110, 119, time=2 * SECOND))
    one.offer(diff(110, 119, time=2 * SECOND))  # a repetition is none
    assert (one.pending, one.counters.restarts) == (3, 0)
    one.offer(diff(10, 19, time=3 * SECOND))
    assert (one.phase, one.reason, one.counters.restarts, one.pending) == (Phase.BUFFERING, "restart", 1, 1)
    assert ids(list(one.install(image(12)))) == [19]
    assert one.phase is Phase.LIVE


def test_waiting_diffs_are_bounded_and_an_overflow_is_counted() -> None:
    one = spot(pending_limit=3)
    for number in range(1, 6):
        one.offer(diff(number, number))
    assert (one.pending, one.counters.overflows, one.reason) == (2, 1, "overflow")
    assert ids(list(one.install(image(3)))) == [4, 5]


def test_until_a_diff_was_applied_the_join_rule_holds() -> None:
    one = Synchronizer(UsdmContinuity(), 10)
    list(one.install(image(160)))
    assert not one.offer(diff(150, 159, previous=149))
    assert one.offer(diff(157, 165, previous=149))
    assert one.offer(diff(900, 950, previous=165))
    assert not one.offer(diff(960, 970, previous=951))
    assert one.reason == "gap"


def test_a_restored_book_goes_on_where_it_stood() -> None:
    one = spot()
    one.restore(image(100), joined=True, reason="")
    assert one.offer(diff(101, 101))
    assert one.last_id == 101
