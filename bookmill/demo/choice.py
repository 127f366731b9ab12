"""From the options of ``bookmill demo`` to the exchange that is simulated."""

from __future__ import annotations

import difflib
import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bookmill.demo.exchange import SimulatedExchange
from bookmill.demo.ports import free_ports_in_a_row
from bookmill.demo.recordings import identify
from bookmill.errors import ConfigurationError

__all__ = ["DEFAULT_SYMBOLS", "simulated_exchange"]

DEFAULT_SYMBOLS = "BTC-USDT,ETH-USDT,SOL-USDT"

_BINANCE = "binance"
_MARKETS = ("spot", "usdm")
_SYMBOL = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")


def simulated_exchange(
    *,
    exchanges: str = "binance",
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
    if exchanges != _BINANCE:
        if recordings:
            raise ConfigurationError(
                "Recordings are played by the simulated Binance.", hint="Leave --exchanges out."
            )
        offered = _offered(exchanges, markets, names if symbols else None)
        return SimulatedExchange(
            offered,
            narrowed=bool(symbols or markets),
            rate=rate,
            seed=seed,
            speed=speed,
            recordings=(),
            port=free_ports_in_a_row(2 * len(offered)),
        )
    played = identify(
        [Path(path) for path in recordings],
        market=_only(markets, "--market") if recordings else None,
        symbol=_only(names, "--symbols") if recordings and symbols else None,
    )
    if played:
        recorded: dict[str, list[str]] = {}
        for each in played:
            recorded.setdefault(f"{_BINANCE}.{each.market}", []).append(each.symbol)
        offered = dict[str, Sequence[str]](recorded)
    else:
        offered = {f"{_BINANCE}.{market}": names for market in dict.fromkeys(markets or _MARKETS)}
    return SimulatedExchange(
        offered,
        narrowed=True,
        rate=rate,
        seed=seed,
        speed=speed,
        recordings=played,
        port=free_ports_in_a_row(2 * len(offered)),
    )


def _offered(
    exchanges: str, markets: Sequence[str], symbols: Sequence[str] | None
) -> dict[str, Sequence[str]]:
    """Symbols by market of the exchanges that are named, as the simulator lists them (asked as a command: it is another room)."""
    listed: dict[str, dict[str, list[str]]] = json.loads(
        subprocess.run(
            [sys.executable, "-m", "bookmill", "simulate", "--list"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )
    wanted = (
        list(listed)
        if exchanges == "all"
        else [name.strip() for name in exchanges.split(",") if name.strip()]
    )
    for name in wanted:
        if name not in listed:
            close = difflib.get_close_matches(name, listed, n=1)
            raise ConfigurationError(
                f"The exchange '{name}' is not simulated.",
                hint=f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(listed)}.",
            )
    if len(wanted) > 1 and (markets or symbols):
        raise ConfigurationError(
            "Markets and symbols are those of one exchange.",
            hint="Name one with --exchanges, or leave them out.",
        )
    known = {
        f"{exchange}.{market}": symbols or usual
        for exchange, offers in listed.items()
        if exchange in wanted
        for market, usual in offers.items()
        if not markets or market in markets
    }
    if not known:
        raise ConfigurationError(
            f"{wanted[0]} has no simulated market '{markets[0]}'.",
            hint=f"Known: {', '.join(listed[wanted[0]])}.",
        )
    return known


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
