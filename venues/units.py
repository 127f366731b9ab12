"""What one of a venue's quantities is: a base unit, so many base units (linear contract), or so much quote currency (inverse).

In raw records a unit stands as text: nothing (base units), ``0.01`` (base units a contract), ``/100`` (quote currency a
contract: base units are contracts * 100 / price).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from bookmill.errors import FrameError
from venues.numbers import SCALE, ScaledNumbers, plain_text

__all__ = ["BASE", "Unit", "unit"]

_ONE = 10**SCALE
_numbers = ScaledNumbers()


@dataclass(frozen=True, slots=True)
class Unit:
    """``size`` (scaled) of base currency, or of quote currency where ``inverse``."""

    size: int = _ONE
    inverse: bool = False

    contracts: bool = field(init=False, compare=False, repr=False)
    """Whether the venue trades contracts."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "contracts", self.inverse or self.size != _ONE)

    @property
    def text(self) -> str:
        """As it stands in raw records; empty for base units."""
        if not self.contracts:
            return ""
        return f"{'/' if self.inverse else ''}{plain_text(self.size)}"

    def base(self, quantity: int, price: int) -> int:
        """Scaled base units of a scaled quantity at a scaled price.

        Exact for linear contracts up to 18 digits; an inverse one's base quantity is a quotient: rounded half to even at 18
        digits. What is behind the 18th digit of a linear contract is rounded the same way.
        """
        amount = quantity * self.size
        if not self.inverse:
            return _divided(amount, _ONE)
        return _divided(amount, price) if price else 0


BASE = Unit()


@lru_cache(maxsize=4096)
def unit(text: str) -> Unit:
    """The unit of a raw record's text; raises :class:`FrameError`."""
    if not text:
        return BASE
    inverse = text.startswith("/")
    size = _numbers[text[inverse:]]
    if not size:
        raise FrameError(f"No unit of quantity: {text[:40]!r}.")
    return Unit(size, inverse)


def _divided(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))
