"""What futures have beside trades: an index, a mark price, funding, open interest, and positions that are liquidated.

All of it follows the last price, by dice of its own: the order flow is the same with and without. The same instrument has the
same dice in every run.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from simulator.instruments import Instrument

__all__ = ["Derivatives", "Liquidation"]

_FUNDING_MS = 8 * 3600 * 1000
_INTEREST = 10_000  # 0.01 % in 10^-8
_MOST_PREMIUM = 50_000  # 0.05 % in 10^-8
_LIQUIDATION_ODDS = 0.05  # a second


class Liquidation(NamedTuple):
    """An order that closes a position by force: at most at ``price``, filled at ``average`` (both in ticks)."""

    side: str
    lots: int
    price: int
    average: int


class Derivatives:
    """The state of one contract. Prices are in 10^-8, so are rates; open interest is in lots."""

    def __init__(self, instrument: Instrument, dice: str) -> None:
        self._instrument = instrument
        self._random = random.Random(dice)  # noqa: S311  a market, not a key
        self._unit = 10 ** (8 - instrument.price_decimals)
        self._premium = 0
        self.index = self.mark = self.average = instrument.start_price * self._unit
        self.open_interest = 10_000 * instrument.lot_scale
        self.liquidation: Liquidation | None = None
        self._forced: list[Liquidation] = []

    @property
    def funding_rate(self) -> int:
        """Premium and interest, as they would be paid at the next funding."""
        return self._premium + _INTEREST

    @staticmethod
    def next_funding_ms(time_ms: int) -> int:
        """At 00:00, 08:00 and 16:00 UTC."""
        return time_ms - time_ms % _FUNDING_MS + _FUNDING_MS

    def second(self, last: int) -> None:
        """A second went by, the last price being that."""
        draw = self._random.random
        step = int((draw() - 0.5) * 4_000)
        self._premium = max(-_MOST_PREMIUM, min(_MOST_PREMIUM, self._premium + step))
        self.index = last * self._unit
        self.mark = self.index + self.index * self._premium // 10**8
        self.average += (self.mark - self.average) // 30
        most = self._instrument.lot_scale * 20
        self.open_interest = max(most, self.open_interest + int((draw() - 0.5) * most))
        chance, side, size = draw(), draw(), draw()
        self.liquidation = None
        if self._forced:
            self.liquidation = self._forced.pop(0)
        elif chance < _LIQUIDATION_ODDS:
            lots = 1 + int(size**2 * 5 * self._instrument.lot_scale)
            self.liquidation = self._order("SELL" if side < 0.5 else "BUY", lots, last)

    def force(self, side: str, lots: int) -> None:
        """Let a position be liquidated in the next second."""
        self._forced.append(self._order(side, lots, self.index // self._unit))

    @staticmethod
    def _order(side: str, lots: int, last: int) -> Liquidation:
        away = max(1, last // 200)
        return Liquidation(side, lots, max(1, last - away if side == "SELL" else last + away), last)
