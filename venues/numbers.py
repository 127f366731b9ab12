"""Exact numbers from the text of a frame: ``"61602.01000000"`` is 61602_010000000000000000, an int scaled by 10**18."""

from __future__ import annotations

from decimal import Decimal, DecimalException

from bookmill.decimals import SCALE, plain_text
from bookmill.errors import FrameError

__all__ = ["SCALE", "ScaledNumbers", "plain_text", "signed"]

_LIMIT = 10**38
_LONGEST = 1000
_MEMORY = 1 << 14
_SHIFTS: tuple[int, ...] = tuple(10 ** (SCALE - places) for places in range(SCALE + 1))
"""What an int of all digits is multiplied by, by digits after the point."""


class ScaledNumbers(dict[str, int]):
    """Scaled int by decimal text: ``scaled["0.10"] == scaled["0.1"] == 10**17``.

    The same texts come again and again (prices near the top, the zero quantity in each of its spellings), so each is
    read once and remembered; past 16,384 texts the memory is emptied and starts again. A larger one would be hit more
    often and cost more: past the processor's caches finding a number takes as long as reading it. Raises
    :class:`FrameError` for what is no number, is negative, has more than 18 digits after the point or more than 38 in all.
    """

    def __missing__(self, text: str) -> int:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        places = len(fraction)
        # Other scripts have digits too; exchanges use none of them.
        if digits.isdecimal() and digits.isascii() and whole and places <= SCALE and len(whole) <= 20:
            number: int = int(digits) * _SHIFTS[places]
        else:
            number = _read_unusual(text)
        if len(self) >= _MEMORY:
            self.clear()
        self[text] = number
        return number


def _read_unusual(text: str) -> int:
    """Exponents (``1e-05``), signs and spellings without a whole part: right before fast."""
    # Decimal also takes spaces around a number, underscores in it, and as many digits as there are.
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable() or "_" in text or " " in text:
        raise FrameError(f"Not a number: {text[:40]!r}.")
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except DecimalException:
        raise FrameError(f"Not a number: {text[:40]!r}.") from None
    if not isinstance(exponent, int):
        raise FrameError(f"Not a finite number: {text[:40]!r}.")
    number = int("".join(map(str, digits)))
    if number == 0:
        return 0
    if sign:
        raise FrameError(f"A negative price or quantity: {text[:40]!r}.")
    shift = SCALE + exponent
    if shift > 2 * SCALE + 2:
        raise FrameError(f"A number of more than 38 digits: {text[:40]!r}.")
    if shift < 0:
        number, rest = divmod(number, 10**-shift) if shift > -len(digits) - 1 else (0, 1)
        if rest:
            raise FrameError(f"More than {SCALE} digits after the point: {text[:40]!r}.")
    else:
        number *= 10**shift
    if number >= _LIMIT:
        raise FrameError(f"A number of more than 38 digits: {text[:40]!r}.")
    return number


def signed(text: str) -> int:
    """The same for what may be negative (funding rates). Not remembered: such numbers are rare."""
    negative = text.startswith("-")
    number = ScaledNumbers()[text[1:] if negative else text]
    return -number if negative else number
