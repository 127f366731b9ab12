"""A book whose best bid is not below its best ask: for how long, and whether that is the exchange's doing."""

from __future__ import annotations

from venues.messages import BookImage

__all__ = ["CROSSED_MICROS", "Crossing", "crosses"]

CROSSED_MICROS = 5_000_000
"""A book crossed for longer than this, in event time, is lost, unless it came so: half-sent changes pass sooner."""


class Crossing:
    """``since_micros``: event time from which on the book is crossed, None: it is not. ``by_image``: the exchange itself shows it so
    (an auction): another image would say the same."""

    __slots__ = ("by_image", "since_micros")

    def __init__(self) -> None:
        self.since_micros: int | None = None
        self.by_image = False

    def lasts(self, crossed: bool, time_micros: int) -> bool:  # noqa: FBT001  a fact of the book
        """Take notice of how the book stands now: whether it has been crossed for too long."""
        if not crossed:
            self.since_micros, self.by_image = None, False
        elif (
            self.since_micros is None or time_micros < self.since_micros
        ):  # or the exchange's clock was set back
            self.since_micros = time_micros
        return crossed and time_micros - (self.since_micros or 0) > CROSSED_MICROS and not self.by_image


def crosses(image: BookImage) -> bool:
    """Whether an image shows a crossed book."""
    bids, asks = image.bids, image.asks
    return bool(bids and asks) and max(bids)[0] >= min(asks)[0]
