"""Kraken's checksum: the only thing that tells a lost frame, since books have no sequence numbers (sections 7.3 and 12).

CRC-32 over the ten best asks, best first, then the ten best bids; of each level price, then quantity, written with all
decimals of the instrument, without the point and without leading zeros.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from decimal import Decimal

from venues.adapter import Ordered
from venues.interface import Levels
from venues.messages import Checksum
from venues.numbers import SCALE

__all__ = ["Decimals", "KrakenContinuity", "decimals"]

_POWERS = tuple(10 ** (SCALE - places) for places in range(SCALE + 1))


class KrakenContinuity(Ordered):
    """Whatever comes is applied in order; after each frame the ten best levels a side have to give its checksum."""

    checked_levels = 10

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:
        """Sides of less than ten levels are summed as they are. A scaled int without its last digits is the text asked for."""
        price_step, quantity_step = _POWERS[checksum.price_decimals], _POWERS[checksum.quantity_decimals]
        text = "".join(
            f"{price // price_step}{quantity // quantity_step}"
            for prices, quantities in (asks, bids)
            for price, quantity in zip(prices[:10], quantities[:10])
        )
        return zlib.crc32(text.encode()) == checksum.value


class Decimals:
    """With how many decimals an instrument's prices and quantities are written, learned from the texts of its books.

    On the wire all numbers of an instrument have the same number of decimals, trailing zeros kept, so any level tells. Texts that
    lost their zeros (the documents' examples) tell too little: so the most of what was seen counts since the last snapshot, which
    starts anew. An instrument that is written with fewer decimals from some update on fails its checksum, and heals by the snapshot
    that is asked for then. Zero quantities tell nothing: they are written ``0.0`` too.
    """

    __slots__ = ("price", "quantity")

    def __init__(self) -> None:
        self.price = -1
        self.quantity = -1

    def see(self, prices: Iterable[str], quantities: Iterable[str]) -> None:
        """Learn from the texts of a frame; ``quantities`` without zeros."""
        self.price = max(self.price, max(map(decimals, prices), default=-1))
        self.quantity = max(self.quantity, max(map(decimals, quantities), default=-1))

    def checksum(self, value: int) -> Checksum | None:
        """The checksum with what is known; None while that is too little to check it."""
        if self.price < 0 or self.quantity < 0:
            return None
        return Checksum(value, self.price, self.quantity)


def decimals(text: str) -> int:
    """Digits behind the point of a number: ``83744.20`` has 2, ``5`` none, ``1.5e-05`` 6."""
    if "e" in text or "E" in text:
        exponent = Decimal(text).as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0
    point = text.find(".")
    return len(text) - point - 1 if point >= 0 else 0
