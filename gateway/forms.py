"""How values look from outside: decimals as texts, times in ISO 8601, and times as people give them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bookmill.decimals import plain_text
from gateway.errors import ApiError

__all__ = ["LATEST_US", "decimal_text", "level_text", "moment"]

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_MICROS = re.compile(r"\d{1,16}", re.ASCII)
_BACK = re.compile(r"(\d{1,7})(us|ms|s|m|h|d|w)", re.ASCII)
_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
LATEST_US = 7_258_118_400_000_000
"""2200-01-01: what the tables can hold, and no more."""


def decimal_text(scaled: int | None) -> str | None:
    """A scaled int as the shortest plain decimal; None stays None."""
    return None if scaled is None else plain_text(scaled)


level_text = lru_cache(maxsize=1 << 15)(plain_text)
"""The same for the numbers of a book's levels, most of which stand there for long: in some megabytes."""


def moment(text: str, now_micros: int, *, field: str | None = None) -> int:
    """A time as it is given to us, in microseconds since the epoch.

    ISO 8601 (UTC unless it says otherwise), microseconds, or a duration back from now (``15m``, ``2h``, ``1d``). Raises
    :class:`ApiError` with ``field`` for what is none of these, or is not between 1970 and 2200.
    """
    text = text.strip()
    if _MICROS.fullmatch(text):
        micros = int(text)
    elif back := _BACK.fullmatch(text):
        micros = now_micros - int(back[1]) * _UNITS_US[back[2]]
    else:
        micros = _from_iso(text, field)
    if not 0 <= micros < LATEST_US:
        raise ApiError(400, "bad_range", f"{text[:40]!r} is not between 1970 and 2200.", field=field)
    return micros


def _from_iso(text: str, field: str | None) -> int:
    # A plus that was not escaped in an address arrives as a space.
    given = text.replace(" ", "+") if "T" in text else text
    try:
        found = datetime.fromisoformat(given)
        if found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise ApiError(
            400,
            "bad_request",
            f"{text[:40]!r} is no time.",
            hint="Write 2026-01-05T10:00:00Z, microseconds since the epoch, or a duration back from now: 15m, 2h, 1d.",
            field=field,
        ) from None
    return (found - _EPOCH) // _MICROSECOND
