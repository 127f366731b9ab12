"""Recordings of an exchange's frames: ``<receive time> <frame>`` a line, plain or gzip, several files being one recording.

The time is in ns (19 digits) or µs (16 digits) since the epoch. A frame is in its combined form, ``{"stream":"…","data":…}``;
the one line that is not is the REST snapshot. Frames are kept byte for byte.
"""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bookmill.errors import RecordingError
from simulator.instruments import Instrument, check_symbol, decimals

__all__ = ["Recording", "read_recording"]

_PREFIX = b'{"stream":"'
_GZIP_MAGIC = b"\x1f\x8b"
_MICROS_DIGITS, _NANOS_DIGITS = 16, 19


class _Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Book(msgspec.Struct):
    lastUpdateId: int  # noqa: N815  the wire's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Ids(msgspec.Struct):
    U: int | None = None
    u: int | None = None


@dataclass
class Recording:
    """All frames of one instrument, in order: ``times_ns[i]``, ``streams[stream_of[i]]``, ``frames[i]``."""

    instrument: Instrument
    snapshot_body: bytes
    opening_id: int
    streams: list[str] = field(default_factory=list)
    times_ns: array[int] = field(default_factory=lambda: array("q"))
    stream_of: array[int] = field(default_factory=lambda: array("H"))
    frames: list[bytes] = field(default_factory=list)

    def snapshot(self, limit: int, time_ms: int) -> bytes:  # noqa: ARG002  it is what it is, whenever and however asked
        """The recorded REST snapshot, untouched."""
        return self.snapshot_body


def read_recording(symbol: str, paths: Sequence[Path], wire: str | None = None) -> Recording:
    """Read and check all files, in the order given; raises :class:`RecordingError` that names file and line.

    ``wire`` is how the exchange names the instrument; without it its base and quote put together.
    """
    check_symbol(symbol)
    recording = Recording(Instrument(symbol, 0, 0), b"", 0)
    numbers: dict[str, int] = {}
    wire = (wire or symbol.replace("-", "")).lower()
    for path in paths:
        for number, line in enumerate(_lines(path), 1):
            where = f"{path}, line {number}"
            time_ns, frame = _split(line, where)
            if not frame.startswith(_PREFIX):
                if not recording.snapshot_body:
                    recording.snapshot_body = frame
                    recording.instrument = _instrument(symbol, frame, where)
                continue
            stream = _checked_stream(frame, where)
            if stream not in numbers:
                if stream.partition("@")[0] != wire:
                    raise RecordingError(f"{where}: the stream '{stream}' is not one of {symbol}.")
                numbers[stream] = len(recording.streams)
                recording.streams.append(stream)
            recording.times_ns.append(time_ns)
            recording.stream_of.append(numbers[stream])
            recording.frames.append(frame)
    names = ", ".join(map(str, paths))
    if not recording.frames:
        raise RecordingError(f"There is no frame in the recording {names}.")
    if not recording.snapshot_body:
        raise RecordingError(f"There is no REST snapshot in the recording {names}.")
    recording.opening_id = min(_first_ids(recording)) - 10
    return recording


def _lines(path: Path) -> Iterator[bytes]:
    number = 0
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == _GZIP_MAGIC
        with gzip.open(path) if packed else path.open("rb") as lines:
            for line in lines:
                number += 1
                yield line.rstrip(b"\r\n")
    except FileNotFoundError as error:
        raise RecordingError(f"The recording {path} does not exist.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(
            f"The recording {path} is damaged after line {number}: {str(error).rstrip('.')}."
        ) from error
    except OSError as error:
        raise RecordingError(f"The recording {path} cannot be read: {error.strerror}.") from error


def _split(line: bytes, where: str) -> tuple[int, bytes]:
    time, _, frame = line.partition(b" ")
    if not time.isdigit() or len(time) not in {_MICROS_DIGITS, _NANOS_DIGITS} or not frame:
        raise RecordingError(f"{where}: not '<time in ns or µs> <frame>'.")
    return int(time) * (1000 if len(time) == _MICROS_DIGITS else 1), frame


def _checked_stream(frame: bytes, where: str) -> str:
    try:
        stream = msgspec.json.decode(frame, type=_Envelope).stream
    except msgspec.DecodeError as error:
        raise RecordingError(f"{where}: not a frame: {error}.") from error
    if not frame.startswith(f'{{"stream":"{stream}","data":'.encode()) or not frame.endswith(b"}"):
        raise RecordingError(f"{where}: not a frame as the exchange sends it.")
    return stream


def _instrument(symbol: str, snapshot: bytes, where: str) -> Instrument:
    """The instrument with the steps that the snapshot's levels show."""
    try:
        book = msgspec.json.decode(snapshot, type=_Book)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{where}: neither a frame nor a REST snapshot: {error}.") from error
    levels = book.bids + book.asks
    return Instrument(
        symbol, decimals(price for price, _ in levels), decimals(quantity for _, quantity in levels)
    )


def _first_ids(recording: Recording) -> Iterator[int]:
    """The first update id of each stream that has them, the snapshot's among them: the opening lies before all."""
    yield msgspec.json.decode(recording.snapshot_body, type=_Book).lastUpdateId
    for number, stream in enumerate(recording.streams):
        frame = recording.frames[recording.stream_of.index(number)]
        ids = msgspec.json.decode(frame[len(f'{{"stream":"{stream}","data":') : -1], type=_Ids)
        yield from (update_id for update_id in (ids.U, ids.u) if update_id is not None)
