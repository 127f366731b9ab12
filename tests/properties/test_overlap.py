"""Whatever several connections bring of one book, and however late: rows stand in the exchange's order, and where they skip any of its
books, a gap of the ledger covers the time.

An exchange numbers its books, and up to three connections bring them, images first; what they bring is held back before or after it was
received, left out, cut or ends without a word. Nothing here knows how the worker chooses.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_SNAPSHOTS, GAPS, SPREADS
from schemas.raw_record import RawHeaders
from streams.emitter import Events
from streams.partition import RawPartition
from tests.unit.streams.raw import SCHEMA_IDS, Record, read
from venues.registry import venue

START_MS = 1_700_000_000_000
HANDED_OVER_MS = 1000
"""So far an image of another connection may be ahead of the book without a gap, if the connection before goes on."""
WHO = st.sampled_from([0, 1, 2])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("books"), st.integers(1, 12), st.frozensets(WHO, max_size=2)),
        st.tuples(st.just("books"), st.integers(1, 60), st.frozensets(WHO, max_size=2)),
        st.tuples(st.just("open"), WHO, st.booleans()),
        st.tuples(st.just("open"), WHO, st.booleans()),
        st.tuples(st.just("stuck"), WHO),
        st.tuples(st.just("drop"), WHO),
        st.tuples(st.just("cut"), WHO),
        st.tuples(st.just("kill"), WHO),
        st.tuples(st.just("wait"), st.sampled_from([300, 1500, 7000])),
        st.tuples(st.just("clock"), st.sampled_from([-90_000, -2_000, 0, 2_000, 90_000])),
    ),
    min_size=4,
    max_size=30,
)


class Line:
    """What one producer has: a connection now and then, and the frames of it that it has not written yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.producer = self.life = 0
        self.is_open = False
        self.alive = True
        self.stuck = False
        """It receives in time, and writes late: Kafka is away, or it stood still in between."""
        self.waiting: list[tuple[str, int]] = []
        """Frames, and when they were received; 0: when they are written."""

    @property
    def connection(self) -> str:
        return f"{self.number}{self.producer}-okx.spot-0.{self.life}"


class Course:
    """Raw records as steps make them. Book ``n`` has a best bid of quantity ``n``."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.book = 1
        self.made_ms = {1: START_MS}
        """When the exchange made each book."""
        self.lines = [Line(number) for number in range(3)]
        self._now_ms = START_MS
        self._ahead_ms = 0
        self.step("open", 0, False)
        self.step("books", 3, frozenset())

    def step(self, what: str, *how: Any) -> None:
        match what, how:
            case "books", (count, held):
                for _ in range(count):
                    self._next(held)
            case "open", (number, joined):
                self._open(self.lines[number], joined=joined)
            case "drop", (number,):
                del self.lines[number].waiting[1:2]
            case "cut", (number,):
                self._cut(self.lines[number])
            case "kill", (number,):
                self._end(self.lines[number])
                self.lines[number].alive = False
            case "stuck", (number,):
                self.lines[number].stuck = not self.lines[number].stuck
            case "wait", (milliseconds,):
                self._now_ms += milliseconds
            case "clock", (ahead_ms,):
                self._ahead_ms = ahead_ms

    def end(self) -> None:
        """All comes to rest: a producer of its own brings the book from now on."""
        for number in range(3):
            self.step("kill", number)
        self.step("open", 0, True)
        self.step("books", 70, frozenset())

    def _next(self, held: frozenset[int]) -> None:
        self.book += 1
        self._now_ms += 100
        self.made_ms[self.book] = self._now_ms
        for line in self.lines:
            if line.is_open:
                line.waiting.append((self._frame("update", self.book - 1), self._now_ms * line.stuck))
                self._deliver(line, held)

    def _open(self, line: Line, *, joined: bool) -> None:
        if line.is_open:
            return
        if not line.alive:
            line.producer, line.life, line.alive = line.producer + 1, 0, True
            if joined:
                self._write(line, "lost", "joined")
        else:
            line.life += 1
        line.is_open = True
        line.waiting = [(self._frame("snapshot", -1), self._now_ms * line.stuck)]

    def _cut(self, line: Line) -> None:
        self._end(line)
        if line.alive:
            self._write(line, "lost", "disconnect")

    @staticmethod
    def _end(line: Line) -> None:
        line.is_open = False
        line.waiting.clear()

    def _deliver(self, line: Line, held: frozenset[int]) -> None:
        if line.number not in held:
            for frame, received_ms in line.waiting:
                self._write(line, "ws", frame, received_ms)
            line.waiting.clear()

    def _frame(self, action: str, previous: int) -> str:
        asks = '["101","1","0","1"]' if action == "snapshot" else ""
        return (
            f'{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{'
            f'"bids":[["99","{self.book}","0","1"]],"asks":[{asks}],"ts":"{self._now_ms + self._ahead_ms}",'
            f'"checksum":0,"prevSeqId":{previous},"seqId":{self.book}}}]}}'
        )

    def _write(self, line: Line, kind: Any, value: str, received_ms: int = 0) -> None:
        self._now_ms += 1
        offset = len(self.records)
        headers = RawHeaders(
            (received_ms or self._now_ms) * 10**6, kind, "books", line.connection, offset, "BTC-USDT", ""
        )
        self.records.append(Record(offset, b"BTC-USDT", value.encode(), tuple(headers.encode())))


class Row(NamedTuple):
    """A book that was told live, of the record at ``offset``."""

    offset: int
    book: int


def rows(events: Events) -> list[Row]:
    tops = [read(SPREADS, value) for _, value, _ in events.spreads]
    books = [read(BOOK_SNAPSHOTS, value) for _, value, _ in events.book_snapshots]
    found = {Row(one["source_offset"], int(one["bid_quantity"])) for one in tops if one["state"] == "live"}
    found |= {
        Row(one["source_offset"], int(one["bid_quantities"][0])) for one in books if one["state"] == "live"
    }
    return sorted(found)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@given(STEPS)
def test_books_stand_in_order_and_what_they_skip_lies_in_a_gap(steps: list[tuple[Any, ...]]) -> None:
    course = Course()
    for step in steps:
        course.step(*step)
    course.end()
    raw = RawPartition(venue("okx", "spot"), "raw.okx.spot", 0, 0, SCHEMA_IDS, WorkerSettings())
    work = raw.process(course.records)
    assert not work.dead_letters
    told = rows(work.events)
    ledger = [read(GAPS, value) for _, value, _ in work.events.gaps]
    gaps = [one for one in ledger if one["stream"] == "book" and one["cause"] != "time"]
    spans = [
        (milliseconds(one["opened_time"]), milliseconds(one["closed_time"]))
        for one in gaps
        if one["phase"] == "closed"
    ]
    assert told[-1].book == course.book
    assert len(spans) * 2 == len(gaps)
    for before, row in pairwise(told):
        assert before.book <= row.book
        if row.book > before.book + 1 and not handed_over(course.records, before, row):
            since, until = (received_ms(course.records[one.offset]) for one in (before, row))
            since = max(since, course.made_ms[before.book + 1])
            assert any(opened <= since and closed >= until for opened, closed in spans)
            event("a gap")


def header(record: Record, name: str) -> bytes:
    return dict(record.headers)[name]


def received_ms(record: Record) -> int:
    return int(header(record, "receive_time_ns")) // 10**6


def handed_over(records: list[Record], before: Row, row: Row) -> bool:
    """Whether the connection of the row before went on behind an image that is not far ahead: what it brought was not needed."""
    one, other = records[before.offset], records[row.offset]
    followed = header(one, "connection")
    return (
        followed != header(other, "connection")
        and received_ms(other) - received_ms(one) <= HANDED_OVER_MS
        and any(
            header(later, "connection") == followed and header(later, "kind") == b"ws"
            for later in records[row.offset :]
        )
    )
