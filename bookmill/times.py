"""Times as texts: microseconds since the epoch in ISO 8601."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["iso"]

_EPOCH = datetime(1970, 1, 1)
"""Times are UTC everywhere; without a zone they are written faster."""


def iso(time_us: int) -> str:
    """Microseconds since the epoch as ``2026-01-05T10:00:00.123456Z``."""
    return f"{(_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec='microseconds')}Z"
