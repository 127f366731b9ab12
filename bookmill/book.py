"""An order book as exact scaled ints: a dict for quantities and a sorted list of prices, best at the end.

Both sides keep their best price last, where insertion and removal move the fewest entries: most changes are near the
top. Asks are kept by negated price for that. Prices and quantities are ints scaled by 10**18.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

__all__ = ["Book", "Side", "Top"]

Level = tuple[int, int]
Top = tuple[int | None, int | None, int | None, int | None]
"""Best bid price and quantity, best ask price and quantity; None on an empty side."""


class Side:
    """One side of a book. ``sign`` is 1 for bids, -1 for asks."""

    __slots__ = ("_keys", "_quantities", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._quantities: dict[int, int] = {}
        self._keys: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    def replace(self, levels: Iterable[Level]) -> None:
        """Forget all and take ``levels``, in any order; zero quantities are no levels."""
        self._quantities = {price: quantity for price, quantity in levels if quantity}
        self._keys = sorted(price * self.sign for price in self._quantities)

    def apply(self, levels: Iterable[Level]) -> None:
        """Set absolute quantities in order; zero removes, and removing what is not there is normal."""
        quantities, keys, sign = self._quantities, self._keys, self.sign
        for price, quantity in levels:
            if quantity:
                if price not in quantities:
                    insort(keys, price * sign)
                quantities[price] = quantity
            elif quantities.pop(price, None) is not None:
                del keys[bisect_left(keys, price * sign)]

    def truncate(self, depth: int) -> None:
        """Forget the worst levels beyond ``depth``, where an exchange does not tell what leaves its window."""
        excess = len(self._keys) - depth
        if excess > 0:
            for key in self._keys[:excess]:
                del self._quantities[key * self.sign]
            del self._keys[:excess]

    def quantity(self, price: int) -> int:
        """What stands at a price; 0: nothing."""
        return self._quantities.get(price, 0)

    def best(self) -> tuple[int | None, int | None]:
        """Best price and its quantity, or None twice."""
        if not self._keys:
            return None, None
        price = self._keys[-1] * self.sign
        return price, self._quantities[price]

    def count_to(self, price: int) -> int:
        """How many levels there are from the best one to ``price``."""
        return len(self._keys) - bisect_left(self._keys, price * self.sign)

    def levels(self, most: int | None = None) -> tuple[Sequence[int], Sequence[int]]:
        """Prices and quantities, best first, ``most`` of them or all."""
        keys = self._keys if most is None else self._keys[-most:]
        prices = keys[::-1] if self.sign == 1 else [-key for key in reversed(keys)]
        return prices, [*map(self._quantities.__getitem__, prices)]


class Book:
    """Both sides of one instrument."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(1)
        self.asks = Side(-1)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Become this image."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Apply one diff."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def truncate(self, depth: int) -> None:
        """Keep ``depth`` levels a side."""
        self.bids.truncate(depth)
        self.asks.truncate(depth)

    def top(self) -> Top:
        """The best bid and ask."""
        bid, bid_quantity = self.bids.best()
        ask, ask_quantity = self.asks.best()
        return bid, bid_quantity, ask, ask_quantity

    def crossed(self) -> bool:
        """Whether somebody bids at or above the best ask: such a book is not to be trusted."""
        bid, ask = self.bids.best()[0], self.asks.best()[0]
        return bid is not None and ask is not None and bid >= ask
