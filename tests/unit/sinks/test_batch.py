"""What closes a batch, and what of it is stored."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from schemas.event_id import HEADER, event_id
from sinks.batch import Batch, cut, sort_out
from sinks.partition import Limits, Partition
from sinks.progress import Marks, Progress

A, B = b"\x00\x00\x00\x00\x01datum", b"\x00\x00\x00\x00\x02datum"


def identity(offset: int, index: int = 0, topic: str = "raw.x.y") -> bytes:
    return event_id(topic, 0, offset, index).encode()


def message(value: bytes | None, header: bytes | None = None, offset: int = 0) -> Message:
    headers = [("other", b"1")] if header is None else [("other", b"1"), (HEADER, header)]
    return Message(topic="t", partition=0, offset=offset, value=value, headers=headers)  # type: ignore[arg-type]


def batch(messages: list[Message], marks: Marks | None = None) -> Batch:
    return Batch("t", 0, 0, len(messages) - 1, messages, marks or {})


@pytest.mark.parametrize(
    ("values", "rows", "size", "count"),
    [
        ([A] * 10, 4, 1000, 4),
        ([A] * 3, 4, 1000, 3),
        ([A] * 10, 100, 25, 3),
        ([A, A, B, A], 100, 1000, 2),
        ([A, None, b"x", A, B], 100, 1000, 4),
        ([None, b"\x00\x01", B, A], 100, 1000, 3),
    ],
)
def test_a_batch_ends_at_its_rows_its_bytes_or_another_schema(
    values: list[bytes | None], rows: int, size: int, count: int
) -> None:
    assert cut([message(value) for value in values], rows=rows, size=size) == count


def test_events_seen_before_are_dropped_and_counted() -> None:
    ids = [identity(5), identity(6), identity(6), identity(6, 1), identity(5), identity(7)]
    rows = sort_out(batch([message(A, each) for each in ids], {b"raw.x.y/0": identity(5)}))
    assert [each.headers()[1][1] for each in rows.messages] == [identity(6), identity(6, 1), identity(7)]
    assert rows.duplicates == 3
    assert rows.marks == {b"raw.x.y/0": identity(7)}
    assert rows.datums == [b"datum"] * 3
    assert rows.schema_id == 1


def test_each_raw_topic_has_its_own_mark() -> None:
    rows = sort_out(batch([message(A, identity(9)), message(A, identity(1, topic="raw.x.z"))]))
    assert rows.duplicates == 0
    assert set(rows.marks) == {b"raw.x.y/0", b"raw.x.z/0"}


@pytest.mark.parametrize("value", [None, b"", b"\x00", A[:5], b"\x01" + A[1:], b'{"json": 1}'])
def test_a_value_without_wire_format_is_set_aside(value: bytes | None) -> None:
    rows = sort_out(batch([message(A, identity(1)), message(value, identity(2)), message(A, identity(3))]))
    assert len(rows.datums) == 2
    assert [reason for _, reason in rows.unreadable] == [
        "The value is not in the Avro wire format: zero byte, schema id, datum."
    ]


def test_an_event_without_id_is_set_aside() -> None:
    rows = sort_out(batch([message(A), message(A, identity(3))]))
    assert len(rows.datums) == 1
    assert "no header event_id" in rows.unreadable[0][1]


def test_records_that_are_written_once_need_no_id_and_leave_no_mark() -> None:
    rows = sort_out(
        batch(
            [message(A, offset=3), message(A, identity(1), 7), message(None, offset=8), message(A, offset=9)]
        ),
        event_ids=False,
    )
    assert [each.offset() for each in rows.messages] == [3, 7, 9]
    assert [each.offset() for each, _ in rows.unreadable] == [8]
    assert (rows.duplicates, rows.marks, rows.schema_id) == (0, {}, 1)


@pytest.mark.parametrize("nonsense", [b"raw.x.y/0/zzzzzzzzzzzzzzzzzzzz/000000", b"nonsense", b""])
def test_an_id_that_is_none_does_not_make_later_events_look_old(nonsense: bytes) -> None:
    rows = sort_out(batch([message(A, identity(1)), message(A, nonsense), message(A, identity(2))]))
    assert len(rows.datums) == 2
    assert rows.marks == {b"raw.x.y/0": identity(2)}


def partition(progress: Progress, start: int | None = None) -> Partition:
    limits = Limits(rows=4, size=1000, age_s=1.0)
    return Partition(
        "t", 0, progress, start=progress.offset if start is None else start, end=100, limits=limits
    )


def records(first: int, last: int) -> list[Message]:
    return [message(A, identity(offset), offset) for offset in range(first, last + 1)]


def test_a_batch_is_due_at_its_age() -> None:
    one = partition(Progress(0))
    one.add(records(0, 1), 10.0)
    assert not one.due(10.9)
    assert one.due(10.6, share=0.5)
    assert one.due(11.0)


def test_an_unfinished_batch_is_repeated_with_its_range_however_long_that_takes() -> None:
    one = partition(Progress(10, {}, last=16))
    one.add(records(10, 15), 10.0)
    assert not one.due(1000.0, share=0.0)
    one.add(records(16, 20), 10.0)
    assert one.due(10.0)
    one.close(10.0)
    assert one.held
    assert (one.held.first, one.held.last, len(one.held.messages)) == (10, 16, 7)
    assert one.committed


def test_an_unfinished_batch_whose_records_were_compacted_away_is_empty() -> None:
    one = partition(Progress(10, {}, last=16))
    one.add(records(20, 21), 10.0)
    assert one.due(10.0)
    one.close(10.0)
    assert one.held
    assert (one.held.first, one.held.last, one.held.messages) == (10, 16, [])
    assert [each.offset() for each in one.pending] == [20, 21]
    assert sort_out(one.held, event_ids=False).datums == []


def test_records_delivered_again_after_a_pause_are_passed_over() -> None:
    one = partition(Progress(0))
    one.add(records(0, 5), 0.0)
    one.add(records(3, 8), 0.0)
    one.add(records(2, 4), 0.0)
    assert [each.offset() for each in one.pending] == list(range(9))


def test_offsets_that_are_gone_are_counted() -> None:
    one = partition(Progress(0), start=5)
    one.add(records(5, 6), 0.0)
    one.add(records(9, 9), 0.0)
    assert one.passed_over == 2
    one.close(0.0)
    assert one.held
    assert (one.held.first, one.held.last) == (0, 9)
