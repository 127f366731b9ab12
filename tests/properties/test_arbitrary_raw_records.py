"""Whatever stands in a raw record, it is read, passed over or a dead letter; the records after it give their events as ever.

Arbitrary bytes as frames of every market and channel, as headers, and recorded or documented frames with bytes flipped, cut
or doubled. What does become an event can be read by anybody and held by the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import EVENT_TOPICS, TRADES
from streams.partition import RawPartition, Work
from tests.conformance.markets import MARKETS
from tests.conformance.material import Material
from tests.conformance.reader import Record, partition, read_event, record

EXAMPLES = settings(max_examples=40, deadline=None)
OLDEST, YOUNGEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC)
KINDS = (b"ws", b"snapshot", b"poll", b"backfill", b"lost")
POLLED = ("poll.book", "poll.trades", "poll.ticker", "poll.klines")
POLLED_FRAMES = (
    b'{"bids":[["9","1"]],"asks":[["10","1"]],"time_ms":1790000000000,"id":7}',
    b'[{"id":"x","price":"1","quantity":"2","side":"buy","time_ms":1790000000000,"aggregated":false}]',
    b'{"last":"1","open":"2","high":"3","low":"1","volume":"5","quote_volume":"5","time_ms":1790000000000}',
    b'{"interval":"1m","bars":[{"open_ms":1790000000000,"open":"1","high":"1","low":"1","close":"1","volume":"1","closed":true}]}',
)
STRANGE = (
    b"null",
    b"-1",
    b"1e400",
    b"9" * 25,
    b'"' + b"9" * 38 + b'"',
    b'"-0"',
    b'""',
    b"[]",
    b"{}",
    b"\xff",
    b"[[]]",
    b'"\\ud800"',
)


@st.composite
def mutated(draw: st.DrawFn, frames: Sequence[bytes]) -> bytes:
    """A frame with some of its bytes changed."""
    frame = bytearray(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(1, 3))):
        if not frame:
            break
        at = draw(st.integers(0, len(frame) - 1))
        length = draw(st.integers(1, 12))
        match draw(st.sampled_from(("flip", "cut", "drop", "double", "digits", "value"))):
            case "flip":
                frame[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del frame[at:]
            case "drop":
                del frame[at : at + length]
            case "double":
                frame[at:at] = frame[at : at + length]
            case "digits":  # a number becomes longer
                number = next((place for place in range(at, len(frame)) if 48 <= frame[place] < 58), at)
                frame[number:number] = b"9" * length
            case _:
                colon = frame.find(b":", at)
                ends = [place for mark in b",}]" if (place := frame.find(mark, colon)) > 0]
                if colon > 0 and ends:
                    frame[colon + 1 : min(ends)] = draw(st.sampled_from(STRANGE))
    return bytes(frame)


def live(material: Material) -> tuple[RawPartition, list[bytes], int]:
    """A partition with a live book, the frames that made it so, and the next offset."""
    raw, script = partition(material), material.script(material.wire_symbol)
    in_band = material.venue().snapshot_request(material.wire_symbol, None) is None
    image = script.image()
    frames = [image, script.change([("99.5", "1")], [("100.5", "2")]), script.change([("99", "3")], [])]
    book = material.venue().route(frames[1])
    assert book is not None
    records = [
        record(material, 0, book.channel, image, kind="ws" if in_band else "snapshot"),
        record(material, 1, book.channel, frames[1]),
        record(material, 2, book.channel, frames[2]),
    ]
    assert not raw.process(records).dead_letters
    assert raw.live() == 1
    return raw, frames, 3


def assert_readable(work: Work) -> None:
    """Each event by a stock reader, every time of it in the range of the tables."""
    for topic in EVENT_TOPICS:
        for _, value, headers in getattr(work.events, topic.name, ()):
            event = read_event(topic, value)
            assert len(headers) == 1
            for field in event.values():
                if isinstance(field, datetime):
                    assert OLDEST <= field <= YOUNGEST, event


def assert_goes_on(material: Material, raw: RawPartition) -> None:
    """The next trade, of an instrument of its own, is told."""
    frame = material.trade("NEXT-" + material.wire_symbol, "10", "1", "BUY")
    route = material.venue().route(frame)
    assert route is not None
    one = record(material, raw.position, route.channel, frame)
    work = raw.process([Record(one.offset, b"%d" % one.offset, frame, one.headers)])
    assert not work.dead_letters
    assert [read_event(TRADES, value)["price"] for _, value, _ in work.events.trades] == [10]


def channels(material: Material) -> list[str]:
    return sorted({sample.route.channel for sample in material.samples} | {"snapshot", *POLLED})


@pytest.mark.parametrize("material", MARKETS, ids=lambda one: one.name)
def test_frames_of_any_bytes_are_read_or_dead_letters(material: Material) -> None:
    raw, book_frames, _ = live(material)
    frames = [*book_frames, *(sample.frame for sample in material.samples), *POLLED_FRAMES]
    names = channels(material)

    @EXAMPLES
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(KINDS),
                st.sampled_from(names) | st.text("abc.:@1", max_size=8),
                mutated(frames) | st.sampled_from(frames) | st.binary(max_size=60),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def check(given_: list[tuple[bytes, str, bytes]]) -> None:
        records = []
        for place, (kind, channel, frame) in enumerate(given_):
            route = material.venue().route(frame)
            named = route.channel if route and kind == b"ws" else channel
            records.append(record(material, raw.position + place, named, frame, kind=kind.decode()))  # type: ignore[arg-type]
        work = raw.process(records)
        assert work.position == records[-1].offset + 1
        assert_readable(work)
        assert_goes_on(material, raw)

    check()


HEADER_VALUES = (
    st.none()
    | st.binary(max_size=12)
    | st.integers(-(10**30), 10**30).map(lambda number: b"%d" % number)
    | st.sampled_from([b"ws", b"trade", b"\xff", b"/0", b"/1", b"1e-30", b"9" * 40, b"9" * 5000])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), HEADER_VALUES), max_size=3), st.integers(0, 9), HEADER_VALUES)
def test_headers_of_any_bytes_are_read_or_dead_letters(
    changes: list[tuple[int, bytes | None]], count: int, key: bytes | None
) -> None:
    material = MARKETS[0]
    raw, _, offset = live(material)
    frame = material.trade(material.wire_symbol, "10", "1", "SELL")
    route = material.venue().route(frame)
    assert route is not None
    whole = [*record(material, offset, route.channel, frame, unit="0.01").headers, ("more", b"1")]
    for at, value in changes:
        if at < len(whole):
            whole[at] = (whole[at][0], value)  # type: ignore[assignment]
    work = raw.process([Record(offset, key, frame, tuple(whole[:count]))])
    assert len(work.dead_letters) + len(work.events.trades) + work.silent == 1
    assert_readable(work)
    assert_goes_on(material, raw)
