"""A hint for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection

__all__ = ["nearest"]

_SHOWN = 8
_LONGEST = 100
"""Comparing costs the product of both lengths; no name is so long."""


def nearest(name: str, known: Collection[str]) -> str:
    """``Did you mean …?``, or what there is where nothing is near, or nothing where that is too much to say."""
    close = difflib.get_close_matches(name[:_LONGEST], known, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(sorted(known))}." if 0 < len(known) <= _SHOWN else ""
