"""Integers of frames as msgspec is to read them: those that do not fit what they become are a malformed frame, no event.

Events keep ids and times as 64-bit integers; JSON has integers of any length.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from bookmill.errors import FrameError

__all__ = ["Id", "Micros", "Millis", "counted", "whole"]

_MOST = 2**63 - 1
_LATEST_S = 10_413_791_999
"""The end of 2299, beyond which the tables have no time."""

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=-_MOST - 1, le=_MOST)]
"""An update id, a trade's number, a count."""

Micros: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_LATEST_S * 1_000_000)]
"""A time in microseconds since the epoch."""

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_LATEST_S * 1000)]
"""A time in milliseconds since the epoch, which becomes microseconds."""


def whole(text: str, most: int = _LATEST_S * 1000) -> int:
    """The same for one that is written as text: digits, ``most`` at most (of milliseconds); raises :class:`FrameError`."""
    if text.isascii() and text.isdecimal() and len(text) <= 20 and (number := int(text)) <= most:
        return number
    raise FrameError(f"Not a whole number up to {most}: {text[:40]!r}.")


def counted(text: str) -> int | None:
    """The number an id is, where it is one of at most 18 digits: ids that count may one day be texts, and are trades all the same."""
    return int(text) if len(text) <= 18 and text.isascii() and text.isdecimal() else None
