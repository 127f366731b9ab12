"""How Kraken writes numbers, times and names."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["Numerals", "alternative_name", "asset_name", "clock_text", "pair_name", "websocket_name"]

_MILLION = 1_000_000
_V1_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_COINS_OF_OLD = frozenset({"XBT", "ETH", "LTC", "XRP", "XDG", "ZEC", "ETC", "XLM", "XMR"})
_MONEY_OF_OLD = frozenset({"USD", "EUR", "GBP", "JPY", "CAD"})
_PAIRS_OF_OLD = frozenset({"ETH", "LTC", "XRP", "XBT", "ZEC", "ETC", "XLM", "XMR"})


class Numerals:
    """Texts of whole steps of 10^-``decimals``, always with ``wire`` decimals: trailing zeros are kept."""

    _MOST = 50_000

    def __init__(self, decimals: int, wire: int) -> None:
        self.wire = wire
        self._factor = 10 ** (wire - decimals)
        self._unit = 10**wire
        self._known: dict[int, str] = {}

    def text(self, steps: int) -> str:
        """A number, which may be negative."""
        known = self._known.get(steps)
        if known is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            whole, rest = divmod(abs(steps) * self._factor, self._unit)
            sign = "-" if steps < 0 else ""
            known = f"{sign}{whole}.{rest:0{self.wire}d}" if self.wire else f"{sign}{whole}"
            self._known[steps] = known
        return known


def clock_text(micros: int, *, nanos: bool = False) -> str:
    """RFC 3339 with six digits behind the second, or nine."""
    seconds, fraction = divmod(micros, _MILLION)
    return f"{_seconds_text(seconds)}.{fraction:06d}{'000' if nanos else ''}Z"


@lru_cache(maxsize=256)
def _seconds_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _v1_name(asset: str) -> str:
    """As version 1 of the API, and REST to this day, call an asset."""
    return _V1_NAMES.get(asset, asset)


def websocket_name(base: str, quote: str) -> str:
    """``wsname``: the name of version 1, ``XBT/USD``."""
    return f"{_v1_name(base)}/{_v1_name(quote)}"


def alternative_name(base: str, quote: str) -> str:
    """``altname``: ``XBTUSD``."""
    return _v1_name(base) + _v1_name(quote)


def asset_name(asset: str) -> str:
    """``XXBT``, ``ZUSD``; assets that came later stand as they are."""
    name = _v1_name(asset)
    return f"X{name}" if name in _COINS_OF_OLD else f"Z{name}" if name in _MONEY_OF_OLD else name


def pair_name(base: str, quote: str) -> str:
    """The key of a pair: ``XXBTZUSD`` where both assets are of old, else its ``altname``."""
    old = _v1_name(base) in _PAIRS_OF_OLD and _v1_name(quote) in _MONEY_OF_OLD | {"XBT"}
    return asset_name(base) + asset_name(quote) if old else alternative_name(base, quote)
