"""Exact numbers are ints scaled by 10**18 in all rooms; this is how they are written for people and programs."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["SCALE", "plain_text", "scaled", "scaled_int"]

SCALE = 18
"""Digits after the decimal point of a scaled int."""


def plain_text(scaled: int) -> str:
    """A scaled int as the shortest plain decimal: ``10**17`` is ``0.1``."""
    sign, digits = ("-", str(-scaled)) if scaled < 0 else ("", str(scaled))
    whole, fraction = digits[:-SCALE] or "0", digits[-SCALE:].rjust(SCALE, "0").rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def scaled_int(text: str) -> int:
    """The way back, for a plain decimal that was written by us or by ClickHouse: at most 18 digits after the point."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(SCALE, "0"))


def scaled(number: Decimal) -> int:
    """A finite decimal as a scaled int; raises ValueError where it has more than 18 digits after the point."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"not a finite number: {number}")  # noqa: TRY004  NaN is a Decimal too
    whole = int("".join(map(str, digits)))
    value, rest = divmod(whole * 10 ** max(0, SCALE + exponent), 10 ** max(0, -SCALE - exponent))
    if rest:
        raise ValueError(f"more than {SCALE} digits after the point: {number}")
    found: int = -value if sign else value
    return found
