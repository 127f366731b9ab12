"""Lengths of bars, as settings and events write them: ``1m``, ``4h``, ``1d``, ``1w``, ``1M``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

__all__ = ["nearest"]

_WRITTEN = re.compile(r"(\d{1,6}) ?(M|mo|s|m|h|d|w)[a-z]*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "M": 2_592_000}


def nearest(text: str, offered: Iterable[str]) -> str | None:
    """The one of about that length, however it was written (``60min``, ``1H``, ``1 day``); None for what says no length."""
    wanted = _seconds(text)
    if wanted is None:
        return None
    lengths = {interval: seconds for interval in offered if (seconds := _seconds(interval))}
    return min(lengths, key=lambda one: abs(math.log(lengths[one] / wanted)), default=None)


def _seconds(text: str) -> int | None:
    match = _WRITTEN.fullmatch(text) or _WRITTEN.fullmatch(text.lower())
    return int(match[1]) * _SECONDS[match[2]] or None if match else None
