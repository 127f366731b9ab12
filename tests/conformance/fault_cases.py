"""Broken frames: cut off, of other types, of absurd size, and books with nothing in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from bookmill.errors import FrameError
from schemas.catalogue import SPREADS
from tests.conformance.material import Material
from tests.conformance.reader import Reader, events, partition, record
from tests.unit.streams.raw import read
from venues.interface import Venue
from venues.messages import Message

__all__ = ["malformed"]

_T = TypeVar("_T")

_STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**40,
    1.5,
    "",
    "x",
    "-1",
    "NaN",
    "9" * 60,
    [],
    [[]],
    {},
    [None],
)
_NO_FRAMES = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"1",
    b"pong?",
    b"\xff\xfe\x00",
    b"{",
    b'{"a":' + b"[" * 100_000,
    b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"a":"' + b"x" * 2_000_000 + b'"}',
    b"9" * 100_000,
)
_MOST_MICROS = 2**63 - 1
_MOST = 10**38


def malformed(material: Material) -> None:
    """Whatever comes, a frame is read or refused with one :class:`FrameError`; the next frame is read as ever."""
    venue = material.venue()
    for sample in material.samples:
        for broken in (*_NO_FRAMES, *_cut(sample.frame), *_changed(sample.frame)):
            _survives(venue, sample.route.channel, broken)
        assert tuple(venue.decode(sample.route.channel, sample.frame)) == sample.messages
    for broken in (*_NO_FRAMES, *_cut(material.instruments)):
        _read(venue.parse_instruments, broken)
        _read(venue.decode_snapshot, broken)
    for control in material.controls:
        for broken in _cut(control.frame):
            venue.control(broken)
    _costs_itself_only(material)
    _empty_books(material)


def _survives(venue: Venue, channel: str, frame: bytes) -> None:
    venue.route(frame)
    venue.control(frame)
    venue.sequence(frame)
    assert_well_formed(_read(lambda body: venue.decode(channel, body), frame) or (), frame)


def assert_well_formed(messages: Sequence[Message], frame: bytes) -> None:
    """Numbers fit into events: 38 digits, 64 bits; texts are texts."""
    for message in messages:
        fields = msgspec.structs.asdict(message)
        for name, value in fields.items():
            for number in _integers(value):
                if name.endswith(("micros", "_id")) or name == "trades":
                    assert -_MOST_MICROS <= number <= _MOST_MICROS, (name, frame[:300])
                else:
                    assert -_MOST < number < _MOST, (name, frame[:300])
            if isinstance(value, str):
                value.encode()


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _integers(item)


def _read(read: Callable[[bytes], _T], body: bytes) -> _T | None:
    """None for a frame error. A frame's text belongs into its dead letter, not into the reason."""
    try:
        return read(body)
    except FrameError as error:
        reason = str(error)
    assert len(reason) < 2000
    return None


def _cut(frame: bytes) -> Iterator[bytes]:
    """Ended too early, with a byte wrong, with something behind it."""
    step = max(1, len(frame) // 60)
    for at in range(0, len(frame), step):
        yield frame[:at]
        yield frame[:at] + b"\xff" + frame[at + 1 :]
        yield frame[:at] + b"," + frame[at:]
    yield frame + frame
    yield frame + b"}"


def _changed(frame: bytes) -> Iterable[bytes]:
    """Each value replaced by what it should not be, each key gone."""
    data = json.loads(frame)
    for path in _paths(data):
        for strange in _STRANGE:
            yield _text(_replaced(data, path, strange))
        yield _text(_replaced(data, path, _GONE))


_GONE = object()


def _text(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = data.items() if isinstance(data, dict) else enumerate(data[:3]) if isinstance(data, list) else ()
    for key, value in items:
        yield from _paths(value, (*path, key))


def _replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    key, *rest = path
    copy = dict(data) if isinstance(data, dict) else list(data)
    if rest:
        copy[key] = _replaced(data[key], tuple(rest), value)
    elif value is _GONE:
        del copy[key]
    else:
        copy[key] = value
    return copy


def _costs_itself_only(material: Material) -> None:
    """Through a raw partition: one dead letter each, and the events of the records around it as if it had not been; a book whose
    changes have no numbers everywhere is not trusted after one that cannot be read."""
    good = [
        record(material, offset, sample.route.channel, sample.frame)
        for offset, sample in enumerate(material.samples)
    ]
    alone = partition(material).process(good)
    assert not alone.dead_letters
    mixed, offset = [], 0
    for sample in material.samples:
        mixed.append(record(material, offset, sample.route.channel, sample.frame))
        mixed.append(record(material, offset + 1, sample.route.channel, sample.frame[:-3]))
        offset += 2
    work = partition(material).process(mixed)
    assert len(work.dead_letters) == len(material.samples)
    if material.venue().image_channels:
        for one in (work.events, alone.events):
            one.book_snapshots.clear()
            one.spreads[:] = [event for event in one.spreads if read(SPREADS, event[1])["origin"] == "ticker"]
    assert len(list(events(work))) == len(list(events(alone)))


def _empty_books(material: Material) -> None:
    script, reader = material.script(material.wire_symbol), Reader(material)
    reader.image(script.image())
    assert reader.stands_as(script)
    assert reader.book.book.top() == (None, None, None, None)
    reader.take(script.change([("99.5", "1")]))
    assert reader.stands_as(script)
    reader.take(script.change([("99.5", "0")]))
    assert reader.stands_as(script)
