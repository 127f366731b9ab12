"""Mid, spread and basis points of a top of book, exact: ints scaled by 10**18, rounded half to even where they must be."""

from __future__ import annotations

__all__ = ["half_even", "measure"]

_BPS = 2 * 10_000 * 10**18


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
