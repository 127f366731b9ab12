"""Times as exchanges write them, to microseconds since the epoch."""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from functools import lru_cache

from bookmill.errors import FrameError

__all__ = ["rfc3339_micros", "seconds_micros", "yymmdd"]

_DIGITS = re.compile(r"\d{1,12}", re.ASCII)
_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", re.ASCII)


def rfc3339_micros(text: str) -> int:
    """``2026-09-25T17:48:24.799230Z`` in microseconds: UTC, none to nine digits behind the second.

    Digits behind the sixth are cut off: nanoseconds of one microsecond are one time here. Raises :class:`FrameError`.
    """
    seconds = _seconds(text[:19])
    if text.endswith("Z"):
        fraction = text[20:-1]
        if fraction.isascii() and fraction.isdecimal() and text[19] == "." and len(fraction) <= 9:
            return seconds * 1_000_000 + int(fraction[:6].ljust(6, "0"))
        if len(text) == 20:
            return seconds * 1_000_000
    raise FrameError(f"Not a time in UTC: {text[:40]!r}.")


def seconds_micros(text: str) -> int:
    """``1790358506.844359`` in microseconds: seconds since the epoch, digits behind the sixth cut off. Raises :class:`FrameError`."""
    whole, _, fraction = text.partition(".")
    if _DIGITS.fullmatch(whole) and (not fraction or _DIGITS.fullmatch(fraction)):
        return int(whole) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    raise FrameError(f"Not a time in seconds: {text[:40]!r}.")


def yymmdd(time_ms: int) -> str:
    """The day of a time, UTC, as contracts are named by it: ``261225``. By arithmetic on days since 0000-03-01, with years that
    begin in March: a venue asks no calendar.
    """
    era, day = divmod(time_ms // 86_400_000 + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += 400 * era + (month >= 10)
    return f"{year % 100:02d}{(month + 2) % 12 + 1:02d}{day + 1:02d}"


@lru_cache(maxsize=1024)
def _seconds(text: str) -> int:
    """Frames of one second share its first nineteen letters: they are read once."""
    found = _SECOND.fullmatch(text)
    if found is None:
        raise FrameError(f"Not a time: {text!r}.")
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (year and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]) or not (
        hour < 24 and minute < 60 and second < 60
    ):
        raise FrameError(f"Not a time: {text!r}.")
    return timegm((year, month, day, hour, minute, second))
