"""Ticks, lots and levels of one contract as Deribit writes them, and the envelope of its notifications."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.deribit_contracts import Contract, number
from simulator.feed import Level
from simulator.instruments import Instrument

__all__ = ["Texts", "notification"]

_VOLUME_DECIMALS = 8


def notification(channel: str, data: str) -> bytes:
    """A frame of a channel."""
    head = f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":'
    return f"{head}{data}}}}}".encode()


class Texts:
    """Numbers are JSON floats; ``steps`` says what a tick and a lot are."""

    def __init__(self, contract: Contract, steps: Instrument) -> None:
        self._contract = contract
        self._steps = steps

    def price(self, ticks: int) -> str:
        """A price."""
        return number(ticks, self._steps.price_decimals)

    def middle(self, bid: int, ask: int) -> str:
        """Between two prices."""
        return number((bid + ask) * 5, self._steps.price_decimals + 1)

    def amount(self, lots: int) -> str:
        """US dollars or base coins, as the contract counts."""
        return number(lots, self._steps.quantity_decimals)

    def base(self, ticks: int, lots: int) -> int:
        """Base coins of a trade, for :meth:`volume`; rounded down where they are a quotient."""
        places = _VOLUME_DECIMALS - self._steps.quantity_decimals
        if self._contract.inverse:
            return int(lots * 10 ** (places + self._steps.price_decimals)) // ticks
        return int(lots * 10**places)

    def volume(self, base: int) -> str:
        """Sums of :meth:`base`."""
        return number(base, _VOLUME_DECIMALS)

    def money(self, lots: int, turnover: int) -> str:
        """What was paid for so many lots with that turnover, in the quote currency: an inverse contract's lots are that."""
        if self._contract.inverse:
            return self.amount(lots)
        return number(turnover, self._steps.price_decimals + self._steps.quantity_decimals)

    def best(self, bid: Level, ask: Level) -> str:
        """The fields of the best prices."""
        return (
            f'"best_ask_price":{self.price(ask[0])},"best_bid_price":{self.price(bid[0])},'
            f'"best_ask_amount":{self.amount(ask[1])},"best_bid_amount":{self.amount(bid[1])}'
        )

    def pairs(self, levels: Iterable[Level]) -> str:
        """Levels as ``get_order_book`` has them."""
        return ",".join([f"[{self.price(price)},{self.amount(lots)}]" for price, lots in levels])

    def levels(self, levels: Iterable[Level], action: str = "new", *, scientific: bool = False) -> str:
        """Levels as book notifications have them; ``scientific`` writes all numbers with an exponent."""
        steps = self._steps
        return ",".join(
            [
                f'["{action}",{number(price, steps.price_decimals, scientific=scientific)},'
                f"{number(lots, steps.quantity_decimals, scientific=scientific)}]"
                for price, lots in levels
            ]
        )

    def changes(self, levels: Sequence[Level], known: set[int], *, scientific: bool = False) -> str:
        """Changed levels of one side, whose prices are ``known`` and then up to date.

        A level that came and went between two frames was never there.
        """
        texts = []
        for price, lots in levels:
            if not lots and price not in known:
                continue
            action = "delete" if not lots else "change" if price in known else "new"
            (known.add if lots else known.discard)(price)
            texts.append(self.levels(((price, lots),), action, scientific=scientific))
        return ",".join(texts)
