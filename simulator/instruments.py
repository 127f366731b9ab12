"""What a simulated exchange lists: symbols with the steps of their prices and quantities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bookmill.errors import ConfigurationError

__all__ = [
    "DEFAULT_SYMBOLS",
    "Instrument",
    "check_symbol",
    "decimals",
    "instrument",
    "names",
    "plausible_price",
]


@dataclass(frozen=True)
class Instrument:
    """One instrument. Prices step by 10^-price_decimals, quantities by 10^-quantity_decimals.

    A lot is whatever the exchange counts in: coins, contracts, quote units. ``start_price`` (in ticks, more than 500, since
    the synthetic book is 500 ticks deep) and ``lot_scale`` (lots of a usual order) only matter to the synthetic market.
    """

    symbol: str
    price_decimals: int
    quantity_decimals: int
    start_price: int = 0
    lot_scale: int = 0

    @property
    def base(self) -> str:
        """The asset that is traded."""
        return self.symbol.split("-")[0]

    @property
    def quote(self) -> str:
        """The asset that is paid with."""
        return self.symbol.split("-")[1]


# symbol: price in whole quote units, decimals of the price, decimals of the quantity; sizes as on Binance in 2024
_KNOWN = {
    "BTC-USDT": (61_800, 2, 5),
    "ETH-USDT": (2_684, 2, 4),
    "SOL-USDT": (155, 2, 3),
    "BNB-USDT": (515, 2, 3),
    "XRP-USDT": (1, 4, 1),
    "DOGE-USDT": (1, 5, 0),
    "ADA-USDT": (1, 4, 1),
    "AVAX-USDT": (22, 3, 2),
    "LINK-USDT": (10, 3, 2),
    "LTC-USDT": (60, 2, 3),
}
DEFAULT_SYMBOLS = tuple(_KNOWN)[:3]
_USUAL_ORDER_QUOTE = 2_000


_MORE_OF_A_SYMBOL = re.compile(r"\d{6}(-[0-9.]+-[CP])?")


def check_symbol(symbol: str) -> None:
    """Raise :class:`ConfigurationError` unless the symbol is a ``BASE-QUOTE`` name, ``-YYMMDD[-STRIKE-C|P]`` behind it or not."""
    base, _, rest = symbol.partition("-")
    quote, _, more = rest.partition("-")
    if not (base.isalnum() and quote.isalnum() and symbol.isupper()) or not (
        symbol == f"{base}-{quote}" or _MORE_OF_A_SYMBOL.fullmatch(more)
    ):
        raise ConfigurationError(
            f"'{symbol}' is no symbol the simulator can list.", hint="Write it like BTC-USDT."
        )


def plausible_price(base: str) -> int:
    """Whole US dollars that a well-known asset costs, 100 for any other."""
    return _KNOWN.get(f"{base}-USDT", (100, 0, 0))[0]


def instrument(symbol: str) -> Instrument:
    """A synthetic instrument of that ``BASE-QUOTE`` name; any name works, the well-known ones have plausible prices."""
    check_symbol(symbol)
    price, price_decimals, quantity_decimals = _KNOWN.get(symbol, (100, 3, 2))
    lot_scale = max(1, _USUAL_ORDER_QUOTE * 10**quantity_decimals // price)
    return Instrument(symbol, price_decimals, quantity_decimals, price * 10**price_decimals, lot_scale)


def names(count: int, first: Sequence[str] = DEFAULT_SYMBOLS) -> list[str]:
    """``count`` symbols: those given, then other known assets against the same quote, then made-up ones."""
    quote = first[0].split("-")[1]
    known = list(dict.fromkeys([*first, *(f"{symbol.partition('-')[0]}-{quote}" for symbol in _KNOWN)]))[
        :count
    ]
    return known + [f"SIM{number:04d}-{quote}" for number in range(1, count - len(known) + 1)]


def decimals(texts: Iterable[str]) -> int:
    """The most decimals any of the numbers really uses, trailing zeros aside."""
    return max((len(text.partition(".")[2].rstrip("0")) for text in texts), default=0)
