"""What was in the time before, in bounded memory: the extremes of a price, and what was traded window by window.

Times are those of receipt, in µs. One that goes back counts as the newest that was seen.
"""

from __future__ import annotations

import msgspec

__all__ = ["Extremes", "Volumes"]

SLICES = 60
"""A window of prices is kept in so many pieces: it reaches back its length and up to one of them more."""


class Extremes(msgspec.Struct, array_like=True):
    """Lowest and highest price of the last window."""

    slices: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    """Number of the piece, lowest, highest; oldest first."""

    def take(self, price: int, at_micros: int, window_micros: int) -> tuple[int, int]:
        """Lowest and highest price of the window that ends now, this one included."""
        number = at_micros // max(1, window_micros // SLICES)
        slices = self.slices
        if slices and number <= slices[-1][0]:
            number, low, high = slices[-1]
            slices[-1] = (number, min(low, price), max(high, price))
        else:
            slices.append((number, price, price))
        while slices[0][0] < number - SLICES:
            slices.pop(0)
        return min(each[1] for each in slices), max(each[2] for each in slices)


class Volumes(msgspec.Struct, array_like=True):
    """What was traded in this window, and in each of those before."""

    number: int | None = None
    volume: int = 0
    past: list[int] = msgspec.field(default_factory=list)
    """Oldest first; without the window in which counting began, which was not seen as a whole."""
    whole: bool = False

    def advance(self, at_micros: int, window_micros: int, windows: int) -> tuple[int, int] | None:
        """Go on to the window of ``at_micros``; what was traded in the one that has ended, and in how many whole ones after it nothing was.

        None where none has ended, or it was not seen as a whole.
        """
        number = at_micros // window_micros
        if self.number is None:
            self.number = number
        if number <= self.number:
            return None
        ended, empty, whole = self.volume, number - self.number - 1, self.whole
        if whole:
            self.past.append(ended)
        self.past += [0] * min(empty, windows)
        del self.past[:-windows]
        self.number, self.volume, self.whole = number, 0, True
        return (ended, empty) if whole else None
