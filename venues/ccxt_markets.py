"""What ccxt tells of an exchange's markets, in our words: which of them a market of the settings has, symbols, units, steps.

Pure: it reads the mappings ccxt makes (its manual, "Market Structure"), made with ``number = str`` so that each number is the
exchange's own text. Which exchanges ccxt knows is read from the names of its files: importing it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bookmill.errors import FrameError
from venues.adapter import dated
from venues.messages import Instrument
from venues.numbers import SCALE, ScaledNumbers, plain_text
from venues.units import BASE, Unit

__all__ = ["KINDS", "ids", "instrument", "is_of"]

CcxtMarket = Mapping[str, Any]

_DECIMAL_PLACES, _TICK_SIZE = 2, 4
"""ccxt's ``precisionMode``; under the third, significant digits, an exchange has no steps."""
_numbers = ScaledNumbers()

KINDS: Mapping[str, Callable[[CcxtMarket], Any]] = {
    "spot": lambda one: one.get("spot"),
    "swap": lambda one: one.get("swap"),
    "futures": lambda one: one.get("future"),
    "option": lambda one: one.get("option"),
    "linear": lambda one: one.get("linear") and not one.get("option"),
    "inverse": lambda one: one.get("inverse") and not one.get("option"),
    "usdm": lambda one: one.get("linear") and not one.get("option"),
    "coinm": lambda one: one.get("inverse") and not one.get("option"),
}
"""Markets by name, and which of ccxt's they have."""


@cache
def ids() -> frozenset[str]:
    """ccxt's names of the exchanges it knows; none where it is not installed."""
    found = find_spec("ccxt")
    folders = found.submodule_search_locations if found else None
    return frozenset(
        file.stem
        for folder in folders or ()
        for file in (Path(folder) / "async_support").glob("*.py")
        if not file.stem.startswith("_")
    )


def is_of(market: str, one: CcxtMarket) -> bool:
    """Whether it belongs to that market. Contracts whose worth follows neither price nor its inverse (quanto) belong to none."""
    if one.get("contract") and not (one.get("linear") or one.get("inverse") or one.get("option")):
        return False
    return bool(KINDS[market](one))


def instrument(one: CcxtMarket, precision_mode: int) -> Instrument:
    """The instrument; raises :class:`FrameError` where ccxt's word makes no sense."""
    try:
        return _instrument(one, precision_mode)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FrameError(f"ccxt's market {one.get('id')!r} cannot be read: {error!r}.") from error


def _instrument(one: CcxtMarket, mode: int) -> Instrument:
    base, quote, settle = str(one["base"]), str(one["quote"]), str(one.get("settle") or "")
    expiry_ms = None if one.get("swap") else one.get("expiry")  # Deribit's perpetuals end in the year 3000
    precision = one.get("precision") or {}
    return Instrument(
        wire_symbol=str(one["id"]),
        symbol=dated(base, quote, *_more(one, base, quote, settle, expiry_ms)),
        base=base,
        quote=quote,
        tick=_step(precision.get("price"), mode),
        lot=_step(precision.get("amount"), mode),
        trading=one.get("active") is not False,
        unit=_unit(one),
        settle=settle,
        expiry_micros=None if expiry_ms is None else int(expiry_ms) * 1000,
    )


def _more(one: CcxtMarket, base: str, quote: str, settle: str, expiry_ms: Any) -> list[str]:
    """What tells a contract from others of its pair: another settlement, the day it ends, strike and side of an option."""
    more = [settle] if settle not in {"", base, quote} else []
    if expiry_ms is not None:
        day = str(one["expiryDatetime"])[:10]  # 2026-12-25T08:00:00.000Z
        year, month, number = day.split("-")
        more.append(year[2:] + month + number)
    if one.get("option"):
        more += [plain_text(_numbers[str(one["strike"])]), str(one["optionType"])[:1].upper()]
    return more


def _unit(one: CcxtMarket) -> Unit:
    size = one.get("contractSize")
    if not one.get("contract") or size is None:
        return BASE
    return Unit(_numbers[str(size)], inverse=bool(one.get("inverse")) and not one.get("option"))


def _step(precision: Any, mode: int) -> int:
    """The least step of a price or quantity, scaled; 0 where the exchange has none."""
    if precision is None:
        return 0
    if mode == _TICK_SIZE:
        return _numbers[str(precision)]
    if mode == _DECIMAL_PLACES:
        places = int(str(precision))
        return int(10 ** (SCALE - places)) if places <= SCALE else 0
    return 0
