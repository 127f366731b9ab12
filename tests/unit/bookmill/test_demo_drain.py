"""When a run is drained: what counts as left, and how long it is waited for."""

from __future__ import annotations

import pytest

from bookmill.demo.drain import Drain, Verdict
from bookmill.demo.events import Distinct
from bookmill.demo.offsets import Committed, behind, unprocessed
from bookmill.demo.tables import condition
from bookmill.demo.tally import Tally


def test_what_a_worker_has_processed_counts_not_what_it_has_committed() -> None:
    ends = {("raw", 0): 100, ("raw", 1): 50}
    committed = {
        ("raw", 0): Committed(40, '{"processed": 90}'),
        ("raw", 1): Committed(50, '{"processed": 50}'),
    }
    assert unprocessed(ends, committed, {}) == 10
    assert behind(ends, committed, {}) == 60


@pytest.mark.parametrize("metadata", ["", "by another program", "[]", "{}", "null"])
def test_without_the_workers_text_the_offset_counts(metadata: str) -> None:
    assert Committed(40, metadata).processed == 40


def test_a_group_that_never_committed_begins_where_the_log_begins() -> None:
    assert behind({("raw", 0): 100}, {}, {("raw", 0): 70}) == 30
    assert unprocessed({("raw", 0): 100}, {}, {("raw", 0): 70}) == 30


def test_empty_partitions_leave_nothing_to_do() -> None:
    assert behind({("raw", 0): 0}, {}, {("raw", 0): 0}) == 0


def test_a_part_is_waited_for_as_long_as_it_gets_on() -> None:
    now_s = 0.0
    drain = Drain(10.0, lambda: now_s)
    assert drain.look(30) is Verdict.WAIT
    for left in (20, 10):
        now_s += 9.0
        assert drain.look(left) is Verdict.WAIT
    now_s += 9.0
    assert drain.look(10) is Verdict.WAIT
    now_s += 2.0
    assert drain.look(10) is Verdict.STUCK
    assert drain.left == 10
    assert drain.look(0) is Verdict.DONE


def test_not_to_know_is_no_progress() -> None:
    now_s = 0.0
    drain = Drain(10.0, lambda: now_s)
    assert drain.look(None) is Verdict.WAIT
    now_s += 11.0
    assert drain.look(None) is Verdict.STUCK


def test_events_written_twice_and_events_of_earlier_frames_do_not_count() -> None:
    distinct = Distinct({("raw.binance.spot", 2): 50})
    for offset, index in ((49, 0), (50, 0), (50, 1), (50, 0), (50, 1), (51, 0)):
        distinct.see(2, b"raw.binance.spot/2/%020d/%06d" % (offset, index))
    distinct.see(2, b"raw.binance.usdm/2/%020d/%06d" % (0, 0))
    assert distinct.count == 4


def test_rows_of_a_run_are_told_by_the_raw_record_they_come_from() -> None:
    since = {("raw.binance.spot", 0): 0, ("raw.binance.spot", 1): 17}
    assert condition(since, ["raw.binance.spot"]) == (
        "source_topic IN ('raw.binance.spot') AND NOT "
        "((source_topic = 'raw.binance.spot' AND source_partition = 1 AND source_offset < 17))"
    )
    assert condition({}, ["raw.binance.spot"]) == "source_topic IN ('raw.binance.spot') AND NOT (0)"


def test_counters_go_on_when_a_part_is_started_again() -> None:
    tally = Tally()
    tally.update("worker", 1, {"events": 100}, 10.0)
    tally.update("worker", 1, {"events": 300}, 12.0)
    assert tally.rate("events") == 100.0
    tally.update("worker", 2, {"events": 0}, 13.0)
    tally.update("worker", 2, {"events": 50}, 14.0)
    assert tally.total("events") == 350
    assert tally.rate("unknown") == 0.0
