"""A hint for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from heapq import nlargest

__all__ = ["nearest"]

_SHOWN = 8
_LONGEST = 100
"""Comparing costs the product of both lengths; no name is so long."""
_COMPARED = 60
"""Of thousands of names, these many that share most pairs of letters: comparing all would keep everybody waiting."""


def nearest(name: str, known: Collection[str]) -> str:
    """``Did you mean …?``, or what there is where nothing is near, or nothing where that is too much to say."""
    name = name[:_LONGEST]
    pairs = _pairs(name)
    likely = (
        known
        if len(known) <= _COMPARED
        else nlargest(_COMPARED, known, key=lambda one: len(pairs & _pairs(one)))
    )
    close = difflib.get_close_matches(name, likely, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(sorted(known))}." if 0 < len(known) <= _SHOWN else ""


def _pairs(name: str) -> set[str]:
    return {name[at : at + 2] for at in range(len(name) - 1)}
