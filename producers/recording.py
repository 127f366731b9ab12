"""Recordings of an exchange's frames, checked and read: ``<receive time> <frame>`` a line, plain or gzip.

The time is Unix time in ns or µs, told by its digits. Frames are kept byte for byte. The line that is no frame of a stream is
the REST snapshot. Several files are one recording, in the order given.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bookmill.errors import FrameError, RecordingError
from venues.interface import Venue

__all__ = ["Line", "Summary", "check", "read"]

_GZIP_MAGIC = b"\x1f\x8b"
_MICROS_DIGITS, _NANOS_DIGITS = 16, 19
_PROGRESS_EVERY = 1000

Advanced = Callable[[int], None]
"""Told how many bytes of the files (as they lie on disk) have been read since the last time."""

_is_json = msgspec.json.Decoder(msgspec.Raw).decode


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded frame; ``channel`` is None for the REST snapshot."""

    time_ns: int
    channel: str | None
    frame: bytes


@dataclass(frozen=True)
class Summary:
    """What a checked recording contains."""

    wire_symbol: str
    frames: int
    snapshots: int


def check(paths: Sequence[Path], venue: Venue, advanced: Advanced) -> Summary:
    """Read all of it once; raises :class:`RecordingError`, naming file and line, for anything that cannot be replayed."""
    symbols: dict[str, str] = {}
    snapshots = frames = 0
    for path in paths:
        for number, time_ns, frame in _lines(path, advanced):
            where = f"{path}, line {number}"
            if time_ns is None:
                raise RecordingError(f"{where}: there is no receive time in ns or µs before the frame.")
            try:
                _ = frame.isascii() or frame.decode()
                _is_json(frame)
            except (UnicodeDecodeError, msgspec.DecodeError) as error:
                raise RecordingError(f"{where}: the frame is not JSON in UTF-8: {error}.") from error
            route = venue.route(frame)
            if route is not None:
                frames += 1
                symbols.setdefault(route.wire_symbol, where)
                continue
            try:
                venue.decode_snapshot(frame)
            except FrameError as error:
                raise RecordingError(
                    f"{where}: neither a frame of a stream nor a snapshot. {error}"
                ) from error
            snapshots += 1
    return Summary(_only(symbols, paths), frames, snapshots)


def read(paths: Sequence[Path], venue: Venue, advanced: Advanced) -> Iterator[Line]:
    """The lines of a recording that was checked, in order."""
    for path in paths:
        for number, time_ns, frame in _lines(path, advanced):
            if time_ns is None:
                raise RecordingError(f"{path}, line {number}: it has changed since it was checked.")
            route = venue.route(frame)
            yield Line(time_ns, route.channel if route else None, frame)


def _only(symbols: dict[str, str], paths: Sequence[Path]) -> str:
    names = ", ".join(map(str, paths))
    if not symbols:
        raise RecordingError(f"There is no frame of a stream in {names}.")
    (first, _), *others = symbols.items()
    if others:
        other, where = others[0]
        raise RecordingError(
            f"The recording {names} has frames of several instruments: {first}, and {other} at {where}.",
            hint="Give one instrument's files at a time.",
        )
    return first


def _lines(path: Path, advanced: Advanced) -> Iterator[tuple[int, int | None, bytes]]:
    """Number, receive time (None where there is none) and frame of each line."""
    number = position = 0
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if packed else file as lines:
                for number, line in enumerate(lines, 1):
                    time, _, frame = line.rstrip(b"\r\n").partition(b" ")
                    valid = time.isdigit() and len(time) in {_MICROS_DIGITS, _NANOS_DIGITS} and frame
                    yield number, int(time) * _to_ns(time) if valid else None, frame
                    if not number % _PROGRESS_EVERY:
                        position, before = file.tell(), position
                        advanced(position - before)
    except FileNotFoundError as error:
        raise RecordingError(f"The recording {path} does not exist.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(
            f"The recording {path} is damaged after line {number}: {str(error).rstrip('.')}."
        ) from error
    except OSError as error:
        raise RecordingError(f"The recording {path} cannot be read: {error.strerror}.") from error
    advanced(path.stat().st_size - position)


def _to_ns(time: bytes) -> int:
    return 1000 if len(time) == _MICROS_DIGITS else 1
