"""A reader of book updates has the worker's own book after each of them, whatever befalls it; with them or without, all else is the same.

Made-up venues hand over whatever diffs and images are drawn: one whose images are asked of REST, one whose images come in the stream,
that keeps a window and trades contracts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from bookmill.settings import WorkerSettings
from gateway.book_replica import BookReplica
from schemas.catalogue import BOOK_UPDATES
from schemas.codec import UNIT
from schemas.event_id import HEADER
from schemas.fields import Event
from schemas.raw_record import RawHeaders
from streams.checkpoints import pack, read_one, restore
from streams.emitter import Events, OutgoingEvent
from streams.instrument import Instrument
from streams.partition import RawPartition
from streams.synchronizer import Phase
from tests.unit.gateway.reading import decoder
from tests.unit.streams.raw import SCHEMA_IDS, Record, logs
from venues.adapter import Following
from venues.binance import BinanceSpot
from venues.messages import BookDiff, BookImage, Message
from venues.okx import OkxSwap

Levels = list[tuple[int, int]]

DECODER = decoder(SCHEMA_IDS)
START_MS = 1_700_000_000_000
WIRE = "BTCUSDT"

BIDS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=4)
ASKS = st.lists(st.tuples(st.integers(11, 22), st.integers(0, 3)), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("diffs"), st.lists(st.tuples(BIDS, ASKS, st.booleans()), min_size=1, max_size=3)),
        st.tuples(st.just("diff"), BIDS, ASKS),
        st.tuples(st.just("diff"), BIDS, ASKS),
        st.tuples(st.just("image"), BIDS, ASKS, st.integers(0, 3)),
        st.tuples(st.just("poll"), BIDS, ASKS),
        st.tuples(st.just("lost")),
        st.tuples(st.just("connection"), st.sampled_from(["a.1", "a.2", "b.1"])),
        st.tuples(st.just("wait"), st.sampled_from([300, 1500, 7000])),
    ),
    min_size=1,
    max_size=40,
)


class Asked(BinanceSpot):
    """Its images are asked of REST."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[bytes, list[Message]] = {}

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:  # noqa: ARG002  the signature is the interface's
        return self.said[frame]

    def decode_snapshot(self, body: bytes) -> BookImage:
        [image] = self.said[body]
        assert isinstance(image, BookImage)
        return image


class Streamed(OkxSwap):
    """Its images come in the stream; a window of three levels; inverse contracts of 100."""

    continuity = Following()

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[bytes, list[Message]] = {}

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:  # noqa: ARG002  the signature is the interface's
        return self.said[frame]


def scaled(levels: Levels) -> Levels:
    return [(price * UNIT, quantity * UNIT) for price, quantity in levels]


class Tape:
    """Raw records as steps make them."""

    def __init__(self, *, in_band: bool) -> None:
        self.in_band = in_band
        self.venue: Asked | Streamed = Streamed() if in_band else Asked()
        self.channel = "books" if in_band else "depth"
        self.records: list[Record] = []
        self.polled: dict[int, tuple[Levels, Levels]] = {}
        """What was polled, by offset."""
        self._connection = "a.1"
        self._time_ms = START_MS
        self._last = 100
        self.add("image", [(9, 1)], [(12, 1)], 0)

    def add(self, kind: str, *what: Any) -> None:
        match kind:
            case "diff":
                self._diffs([(*what, True)])
            case "diffs":
                self._diffs(what[0])
            case "image":
                bids, asks, behind = what
                image = BookImage(
                    self._last - (0 if self.in_band else behind),
                    scaled(bids),
                    scaled(asks),
                    self._time_ms * 1000,
                    in_band=self.in_band,
                    depth=3 if self.in_band else None,
                )
                self._record(
                    "ws" if self.in_band else "snapshot",
                    self.channel if self.in_band else "snapshot",
                    [image],
                )
            case "poll":
                bids, asks = ([[str(p), str(q)] for p, q in side] for side in what)
                self.polled[len(self.records)] = what[0], what[1]
                self._value(
                    "poll", "poll.book", json.dumps({"bids": bids, "asks": asks, "time_ms": self._time_ms})
                )
            case "lost":
                self._value("lost", self.channel, "sequence")
            case "connection":
                self._connection = what[0]
            case "wait":
                self._time_ms += what[0]

    def _diffs(self, diffs: list[tuple[Levels, Levels, bool]]) -> None:
        made: list[Message] = []
        for bids, asks, comes in diffs:
            previous, self._last = self._last, self._last + 1
            if comes:
                depth = 3 if self.in_band else None
                before = previous if self.in_band else None
                at = self._time_ms * 1000
                made.append(BookDiff(self._last, self._last, before, scaled(bids), scaled(asks), at, depth))
        self._record("ws", self.channel, made)

    def _record(self, kind: Any, channel: str, messages: list[Message]) -> None:
        value = b"%d" % len(self.records)
        self.venue.said[value] = messages
        self._value(kind, channel, value.decode())

    def _value(self, kind: Any, channel: str, value: str) -> None:
        self._time_ms += 40
        offset = len(self.records)
        headers = RawHeaders(
            self._time_ms * 1_000_000,
            kind,
            channel,
            self._connection,
            offset,
            "BTC-USDT",
            "/100" if self.in_band else "",
        )
        self.records.append(Record(offset, WIRE.encode(), value.encode(), tuple(headers.encode())))

    def partition(self, *, updates: bool = True) -> RawPartition:
        settings = WorkerSettings(book_updates=updates, book_image_intervals=3)
        return RawPartition(self.venue, "raw.made.up", 3, 0, SCHEMA_IDS, settings)


def tape(steps: list[tuple[Any, ...]], *, in_band: bool) -> Tape:
    made = Tape(in_band=in_band)
    for step in steps:
        made.add(*step)
    return made


def decoded(events: list[OutgoingEvent]) -> list[Event]:
    return [DECODER.decode(BOOK_UPDATES, value) for _, value, _ in events]


def held(replica: BookReplica) -> tuple[dict[int, int], dict[int, int]]:
    book = replica.book
    return dict(zip(*book.bids.levels(), strict=True)), dict(zip(*book.asks.levels(), strict=True))


def own(instrument: Instrument) -> tuple[dict[int, int], dict[int, int]]:
    """The worker's book in base units."""
    book, base = instrument.book.synchronizer.book, instrument.emitter.unit.base
    bids, asks = (zip(*one.levels(), strict=True) for one in (book.bids, book.asks))
    return {p: base(q, p) for p, q in bids}, {p: base(q, p) for p, q in asks}


@given(STEPS, st.booleans())
def test_a_reader_has_the_workers_book_after_each_update(steps: list[tuple[Any, ...]], in_band: bool) -> None:
    told = tape(steps, in_band=in_band)
    raw = told.partition()
    replica = BookReplica("made", "up", "BTC-USDT")
    shown = None
    """What was polled, while that is what is shown."""
    for record in told.records:
        work = raw.process([record])
        assert not work.dead_letters
        instrument = raw.instruments[WIRE.encode()]
        updates = decoded(work.events.book_updates)
        for update in updates:
            replica.update(update)
        if record.offset in told.polled or updates:
            shown = told.polled.get(record.offset)
        if shown is not None:
            base = instrument.emitter.unit.base
            expected = tuple({p: base(q, p) for p, q in scaled(side) if q} for side in shown)
            assert (replica.state, held(replica)) == ("degraded", expected)
            event("polled")
        elif instrument.book.synchronizer.phase is not Phase.LIVE:
            assert replica.state == "resyncing"
            event("lost")
        elif not instrument.overlap.state.told_id:  # else it is told when it has caught up
            assert (replica.state, held(replica)) == (instrument.state, own(instrument))
            event(updates[-1]["kind"] if updates else "nothing")
        else:
            assert replica.state == instrument.state
            event("catches up")


@given(STEPS, st.booleans())
def test_all_else_is_the_same_without_them(steps: list[tuple[Any, ...]], in_band: bool) -> None:
    told = tape(steps, in_band=in_band)
    with_them = told.partition().process(told.records).events
    without = told.partition(updates=False).process(told.records).events
    assert not without.book_updates
    ids = [dict(headers)[HEADER] for _, _, headers in with_them.book_updates]
    assert ids == sorted(set(ids))
    with_them.book_updates.clear()
    assert with_them == without


@given(STEPS, st.booleans(), st.data())
def test_whoever_takes_over_goes_on_with_the_same_events(
    steps: list[tuple[Any, ...]], in_band: bool, data: st.DataObject
) -> None:
    told = tape(steps, in_band=in_band)
    cut = data.draw(st.integers(1, len(told.records)))
    straight = told.partition()
    straight.process(told.records[:cut])
    instrument = straight.instruments[WIRE.encode()]
    assume(not instrument.overlap.ahead)  # then no checkpoint is taken
    checkpoint = read_one(pack(straight, instrument), logs(straight, len(told.records)))
    assert checkpoint is not None
    expected = straight.process(told.records[cut:]).events
    taken_over = told.partition()
    restore(taken_over, [checkpoint])
    assert taken_over.process(told.records[:cut]).events == Events()
    assert taken_over.process(told.records[cut:]).events == expected
