"""Frames that no partition has are found; edges where not all partitions reach are not mistaken for them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from audit.frame_counters import FrameCounters, holes
from audit.raw_log import Batch, Record


def batch(
    numbers: Iterable[int], *, connection: bytes = b"c1", first_ms: int = 100, last_ms: int = 200
) -> Batch:
    headers = [
        (
            ("receive_time_ns", b"1"),
            ("kind", b"ws"),
            ("channel", b"depth"),
            ("connection", connection),
            ("frame", b"%d" % number),
            ("symbol", b"BTC-USDT"),
        )
        for number in numbers
    ]
    return Batch([Record(offset, b"k", b"v", each) for offset, each in enumerate(headers)], first_ms, last_ms)


def said(reason: bytes, *, connection: bytes, received_ns: int) -> Batch:
    """A producer's word."""
    headers = (
        ("receive_time_ns", b"%d" % received_ns),
        ("kind", b"lost"),
        ("channel", b"depth"),
        ("connection", connection),
        ("frame", b"0"),
        ("symbol", b"BTC-USDT"),
    )
    return Batch([Record(0, b"k", reason, headers)], 100, 200)


def counters(*batches: Batch, since_ms: int = 0, until_ms: int = 1000) -> FrameCounters:
    made = FrameCounters(since_ms, until_ms)
    for each in batches:
        made.note(each)
    return made


def test_frames_spread_over_partitions_are_all_there() -> None:
    assert holes("raw.x", [counters(batch(range(0, 1000, 2))), counters(batch(range(1, 1000, 2)))]) == []


def test_what_no_partition_has_is_named() -> None:
    one = counters(batch(n for n in range(100) if n not in {7, 8, 9, 50}))
    [hole] = holes("raw.x", [one, counters(batch(range(5), connection=b"c2"))])
    assert (hole.topic, hole.connection, hole.frames) == ("raw.x", "c1", 4)
    assert hole.ranges == ((7, 9), (50, 50))


def test_many_holes_are_counted_and_the_first_are_named() -> None:
    [hole] = holes("raw.x", [counters(batch(range(3, 100, 2)))])
    assert hole.frames == 48
    assert hole.ranges == tuple((n, n) for n in range(4, 13, 2))


def test_where_one_partition_no_longer_reaches_nothing_is_said_to_be_lost() -> None:
    # The even frames of the beginning have been deleted with their partition's first records.
    odd = counters(batch(range(1, 100, 2), first_ms=10, last_ms=90), batch(range(101, 200, 2)), since_ms=100)
    even = counters(batch(range(100, 200, 2)), since_ms=100)
    assert holes("raw.x", [odd, even]) == []
    lacking = counters(batch(n for n in range(100, 200, 2) if n != 150), since_ms=100)
    assert [hole.ranges for hole in holes("raw.x", [odd, lacking])] == [((150, 150),)]


def test_a_batch_across_the_edge_counts_as_seen_and_sets_no_bound() -> None:
    across = counters(batch([0, 1, 5], first_ms=90, last_ms=150), batch([7, 8]), since_ms=100)
    assert holes("raw.x", [across]) == []


def test_a_header_without_a_value_is_passed_over() -> None:
    bare = batch([5])
    bare.records[0].headers = tuple(
        (name, None if name == "connection" else value) for name, value in bare.records[0].headers
    )
    assert holes("raw.x", [counters(bare, batch([1, 2]))]) == []


@pytest.mark.parametrize("number", [b"x", b"", b"-5", b"%d" % 2**70, None])
def test_headers_nobody_wrote_are_passed_over(number: bytes | None) -> None:
    strange = batch([0])
    strange.records[0].headers = tuple(
        (name, number if name == "frame" else value) for name, value in strange.records[0].headers
    )
    bare = batch([0])
    bare.records[0].headers = ()
    assert holes("raw.x", [counters(strange, bare, batch([1, 2]))]) == []


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (said(b"start", connection=b"c2", received_ns=2), True),
        (said(b"joined", connection=b"c2", received_ns=2), True),
        (said(b"start", connection=b"c2", received_ns=1), False),
        (said(b"disconnect", connection=b"c2", received_ns=2), False),
        (said(b"undelivered", connection=b"c1", received_ns=1), True),
    ],
)
def test_what_a_producer_took_with_it_is_told_where_the_next_one_says_so(word: Batch, told: bool) -> None:
    [hole] = holes("raw.x", [counters(batch([0, 1, 2, 5])), counters(word)])
    assert (hole.frames, hole.told) == (2, told)


def test_what_was_lost_long_before_a_producer_ended_is_not_told_by_its_end() -> None:
    many = batch([0, *range(2, 300_000)])
    [hole] = holes("raw.x", [counters(many, said(b"start", connection=b"c2", received_ns=2))])
    assert not hole.told
