"""Integers of frames as msgspec is to read them: those that do not fit what they become are a malformed frame, no event.

Events keep ids and times as 64-bit integers; JSON has integers of any length.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

__all__ = ["Id", "Micros", "Millis"]

_MOST = 2**63 - 1

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=-_MOST - 1, le=_MOST)]
"""An update id, a trade's number, a count."""

Micros: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
"""A time in microseconds since the epoch."""

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MOST // 1000)]
"""A time in milliseconds since the epoch, which becomes microseconds."""
