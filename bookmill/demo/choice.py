"""From the options of ``bookmill demo`` to the exchange that is simulated."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from bookmill.demo.exchange import SimulatedExchange
from bookmill.demo.ports import free_ports_in_a_row
from bookmill.demo.recordings import identify
from bookmill.errors import ConfigurationError

__all__ = ["DEFAULT_SYMBOLS", "simulated_exchange"]

DEFAULT_SYMBOLS = "BTC-USDT,ETH-USDT,SOL-USDT"

_MARKETS = ("spot", "usdm")
_SYMBOL = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")


def simulated_exchange(
    *,
    markets: Sequence[str],
    symbols: str | None,
    rate: float,
    seed: int,
    recordings: Sequence[str],
    speed: str,
) -> SimulatedExchange:
    """Not started yet. Raises :class:`ConfigurationError` or :class:`RecordingError` for options that cannot be."""
    names = _symbols(symbols or DEFAULT_SYMBOLS)
    _check_speed(speed)
    played = identify(
        [Path(path) for path in recordings],
        market=_only(markets, "--market") if recordings else None,
        symbol=_only(names, "--symbols") if recordings and symbols else None,
    )
    markets = tuple(dict.fromkeys(markets)) or _MARKETS
    return SimulatedExchange(
        markets,
        names,
        rate=rate,
        seed=seed,
        speed=speed,
        recordings=played,
        port=free_ports_in_a_row(2 * len(_MARKETS)),
    )


def _symbols(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if not _SYMBOL.fullmatch(name)]
    if wrong or not names:
        raise ConfigurationError(
            f"'{wrong[0] if wrong else text}' is no symbol.", hint="Write them like BTC-USDT,ETH-USDT."
        )
    return list(dict.fromkeys(names))


def _only(values: Sequence[str], option: str) -> str | None:
    """The one value that all recordings are of; None when the option was not given."""
    if len(values) > 1:
        raise ConfigurationError(
            f"With --recording, {option} can name one only.",
            hint="Leave it out: what a recording is of stands in its frames.",
        )
    return values[0] if values else None


def _check_speed(speed: str) -> None:
    try:
        good = speed == "max" or 0 < float(speed) < math.inf
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(f"'{speed}' is no speed.", hint="Give a factor like 10, or max.")
