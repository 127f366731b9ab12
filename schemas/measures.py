"""What events say beside what frames say: mid, spread and basis points of a top of book, change of a price over a day.

Exact: ints scaled by 10**18, rounded half to even at the 18th digit where they must be.
"""

from __future__ import annotations

__all__ = ["change", "half_even", "measure"]

_BPS = 2 * 10_000 * 10**18
_PERCENT = 100 * 10**18


def half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` as the nearest int, ties to the even one; ``denominator`` positive."""
    quotient, rest = divmod(numerator, denominator)
    double = rest * 2
    return quotient + (double > denominator or (double == denominator and quotient & 1))


def measure(bid: int | None, ask: int | None) -> tuple[int | None, int | None, int | None]:
    """Mid, spread and spread in basis points; None where a side is empty or the mid is zero."""
    if bid is None or ask is None:
        return None, None, None
    total, spread = bid + ask, ask - bid
    mid = total >> 1 if not total & 1 else half_even(total, 2)
    return mid, spread, half_even(spread * _BPS, total) if total else None


def change(last: int, first: int | None) -> tuple[int | None, int | None]:
    """How far a price went from ``first`` to ``last``, and that in percent of ``first``; None where there is none, or it is 0."""
    if first is None:
        return None, None
    difference = last - first
    if not first:
        return difference, None
    sign = 1 if first > 0 else -1
    return difference, half_even(sign * difference * _PERCENT, sign * first)
