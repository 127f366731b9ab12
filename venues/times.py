"""Exact times from the text of a frame: ``"2026-08-25T03:35:57.300000Z"`` is 1787628957300000, microseconds since the epoch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bookmill.errors import FrameError

__all__ = ["rfc3339_micros"]

_MEMORY = 1 << 10
_PADDING = "000000"
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")

_known: dict[str, int] = {}
"""Microseconds by whole second: frames of the same second share it, and only the fraction is read anew."""


def rfc3339_micros(text: str) -> int:
    """Microseconds of an RFC 3339 time in UTC (``Z``) with any number of digits behind the second, or none.

    What is behind the sixth digit is cut off, so that the order of times stays. Raises :class:`FrameError` for anything
    else, also for other offsets: no exchange we know writes them.
    """
    whole, fraction = text[:19], text[20:-1]
    micros = _known.get(whole)
    if micros is None:
        micros = _read_second(whole, text)
    if fraction:
        if text[19] == "." and text[-1] == "Z" and fraction.isascii() and fraction.isdecimal():
            return micros + int((fraction + _PADDING)[:6])
    elif text[19:] == "Z":
        return micros
    raise _not_a_time(text)


def _read_second(whole: str, text: str) -> int:
    if not _SHAPE.fullmatch(whole):
        raise _not_a_time(text)
    try:
        micros = (datetime.fromisoformat(whole) - _EPOCH) // _MICROSECOND
    except ValueError:
        raise _not_a_time(text) from None
    if len(_known) >= _MEMORY:
        _known.clear()
    _known[whole] = micros
    return micros


def _not_a_time(text: str) -> FrameError:
    return FrameError(f"Not an RFC 3339 time in UTC: {text[:40]!r}.")
