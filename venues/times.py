"""Exact times from the text of a frame: ``"2026-08-25T03:35:57.300000Z"`` is 1787628957300000, microseconds since the epoch."""

from __future__ import annotations

import re

from bookmill.errors import FrameError

__all__ = ["rfc3339_micros"]

_MEMORY = 1 << 10
_PADDING = "000000"
_SHAPE = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])", re.ASCII
)
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
_DAYS_BEFORE_EPOCH = 719_162

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
    """Counted by hand: nothing that reads clocks is let into this room."""
    shape = _SHAPE.fullmatch(whole)
    if shape is None:
        raise _not_a_time(text)
    year, month, day, hour, minute, second = map(int, shape.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = _DAYS_BEFORE_MONTH[month] - _DAYS_BEFORE_MONTH[month - 1] + (leap and month == 2)
    if not (year and 1 <= day <= longest):
        raise _not_a_time(text)
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - _DAYS_BEFORE_EPOCH
    days += _DAYS_BEFORE_MONTH[month - 1] + (leap and month > 2) + day - 1
    if len(_known) >= _MEMORY:
        _known.clear()
    micros = _known[whole] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
    return micros


def _not_a_time(text: str) -> FrameError:
    return FrameError(f"Not an RFC 3339 time in UTC: {text[:40]!r}.")
