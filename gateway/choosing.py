"""The filters that every list takes: ``exchange``, ``market``, ``symbol``, each several with commas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from gateway.errors import ApiError

__all__ = ["Choice", "Chosen", "names"]

_MOST = 1000
_LONGEST = 20_000
_NAME = re.compile(r"[\w.:/-]+")
"""What exchanges, markets, symbols and streams are called anywhere, in all alphabets."""


@dataclass(frozen=True)
class Choice:
    """Empty: all."""

    exchanges: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def takes(self, exchange: str, market: str, symbol: str) -> bool:
        """Whether an instrument is among them."""
        return (
            (not self.exchanges or exchange in self.exchanges)
            and (not self.markets or market in self.markets)
            and (not self.symbols or symbol in self.symbols)
        )


def names(text: str, field: str) -> tuple[str, ...]:
    """Names separated by commas, each once. Raises :class:`ApiError` for more than a thousand, and for what can be no name."""
    found = tuple(dict.fromkeys(each for each in (part.strip() for part in text.split(",")) if each))
    if len(found) > _MOST:
        raise ApiError(400, "bad_request", f"{len(found)} names are too many at once.", field=field)
    for name in found:
        if not _NAME.fullmatch(name):
            raise ApiError(400, "bad_request", f"{name[:100]!r} is no {field}.", field=field)
    return found


async def _choice(  # where it is not async, it would be called in another thread
    exchange: Annotated[
        str,
        Query(
            max_length=_LONGEST, description="Only these, with commas between them.", examples=["binance,okx"]
        ),
    ] = "",
    market: Annotated[str, Query(max_length=_LONGEST, description="Only these.", examples=["spot"])] = "",
    symbol: Annotated[
        str, Query(max_length=_LONGEST, description="Only these.", examples=["BTC-USDT,ETH-USDT"])
    ] = "",
) -> Choice:
    return Choice(names(exchange, "exchange"), names(market, "market"), names(symbol, "symbol"))


Chosen = Annotated[Choice, Depends(_choice)]
"""For routes: ``choice: Chosen``."""
