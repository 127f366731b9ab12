"""The lines of recordings, in both forms there are, plain or gzip.

``<receive time> <frame>``: Unix time in ns or µs, told by its digits. And session logs, as cryptofeed writes them:
``<Unix time in s>: <frame>`` for what was received, ``https://… -> <time>: <body>`` for REST replies, ``wss://… <- <time>: …`` for
what the client sent, ``wss://… <-> <time>`` for a connection made and ``configuration: …``, which are passed over.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bookmill.errors import RecordingError

__all__ = ["Advanced", "Entry", "entries"]

_GZIP_MAGIC = b"\x1f\x8b"
_MICROS_DIGITS, _NANOS_DIGITS = 16, 19
_PROGRESS_EVERY = 1000
_RECEIVED = re.compile(rb"(\d{9,11})(?:\.(\d{1,9}))?: (.*)", re.DOTALL)
_REPLY = re.compile(rb"(https?://\S+) -> (\d{9,11})(?:\.(\d{1,9}))?: (.*)", re.DOTALL)
_OURS = re.compile(rb"wss?://\S+ <->? |configuration: ")

Advanced = Callable[[int], None]
"""Told how many bytes of the files (as they lie on disk) have been read since the last time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``time_ns`` is None where there is none; ``url`` is where a REST reply of a session log came from."""

    number: int
    time_ns: int | None
    frame: bytes
    url: str | None = None


def entries(path: Path, advanced: Advanced) -> Iterator[Entry]:
    """What was received, line by line; raises :class:`RecordingError` for a file that cannot be read."""
    number = position = 0
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if packed else file as lines:
                for number, line in enumerate(lines, 1):
                    text = line.rstrip(b"\r\n")
                    entry = _entry(number, text) if text else None
                    if entry is not None:
                        yield entry
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


def _entry(number: int, line: bytes) -> Entry | None:
    """None for what the client itself sent."""
    time, _, frame = line.partition(b" ")
    if time.isdigit() and len(time) in {_MICROS_DIGITS, _NANOS_DIGITS} and frame:
        return Entry(number, int(time) * (1000 if len(time) == _MICROS_DIGITS else 1), frame)
    if received := _RECEIVED.fullmatch(line):
        return Entry(number, _ns(received[1], received[2]), received[3])
    if reply := _REPLY.fullmatch(line):
        return Entry(number, _ns(reply[2], reply[3]), reply[4], reply[1].decode("utf-8", "replace"))
    return None if _OURS.match(line) else Entry(number, None, line)


def _ns(seconds: bytes, fraction: bytes | None) -> int:
    return int(seconds) * 10**9 + int((fraction or b"0").ljust(9, b"0"))
