"""The simulator as a running program: from options to a configuration, serving until told to stop, counts at the end."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import structlog

from bookmill.errors import ConfigurationError
from bookmill.settings import StatusSettings
from bookmill.status import StatusServer
from simulator.instruments import names
from simulator.part import SimulatorPart
from simulator.registry import dialect, exchanges, usual_markets
from simulator.simulated_market import MarketConfig, RecordingFiles
from simulator.simulator import SimulatorConfig, Simulators

__all__ = ["ALL", "Options", "configuration", "configurations", "offered", "serve", "several"]

ALL = "all"
"""Instead of an exchange's name: every one."""


def several(exchange: str) -> bool:
    """Whether ``--exchange`` names more than one: all, or some with commas between."""
    return exchange == ALL or "," in exchange


def offered() -> dict[str, dict[str, list[str]]]:
    """What can be simulated: the usual symbols by exchange and market, in the order of the ports of ``--exchange all``."""
    return {
        exchange: {market: list(dialect(exchange, market).default_symbols) for market in markets}
        for exchange, markets in exchanges().items()
    }


_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Options:
    """The options of ``bookmill simulate``, as given."""

    exchange: str = "binance"
    markets: tuple[str, ...] = ()
    symbols: str | None = None
    instruments: int | None = None
    rate: float = 200
    seed: int = 1
    recordings: tuple[str, ...] = ()
    speed: str = "1"
    host: str = "127.0.0.1"
    port: int = 0
    duration: float | None = None
    as_json: bool = False


def configuration(options: Options) -> SimulatorConfig:
    """What to simulate of one exchange; raises :class:`ConfigurationError` for options that do not go together."""
    symbols = _symbols(options)
    recordings = _recordings(options, symbols)
    markets = options.markets or tuple(recordings) or usual_markets(options.exchange)
    missing = [market for market in recordings if market not in markets]
    if missing:
        raise ConfigurationError(
            f"There is a recording for the market '{missing[0]}', but --market leaves it out."
        )
    return SimulatorConfig(
        options.exchange,
        {
            market: MarketConfig(
                symbols=symbols or _usual_symbols(options, market),
                rate=options.rate,
                seed=options.seed,
                recordings=recordings.get(market, ()),
                speed=_speed(options.speed),
                websocket_port=options.port and options.port + 2 * number,
                rest_port=options.port and options.port + 2 * number + 1,
            )
            for number, market in enumerate(markets)
        },
        options.host,
    )


def configurations(options: Options) -> list[SimulatorConfig]:
    """Every market of the exchanges, or those of the names that --market gives; raises the same."""
    if options.symbols or options.recordings:
        raise ConfigurationError(
            "Symbols and recordings are those of one exchange.", hint=f"Name it instead of --exchange {ALL}."
        )
    known = _named(options.exchange)
    strange = [name for name in options.markets if not any(name in markets for markets in known.values())]
    if strange:
        raise ConfigurationError(
            f"No simulated exchange has a market '{strange[0]}'.",
            hint=f"Known: {', '.join(dict.fromkeys(name for markets in known.values() for name in markets))}.",
        )
    configs, port = [], options.port
    for exchange, markets in known.items():
        chosen = tuple(name for name in markets if not options.markets or name in options.markets)
        if chosen:
            configs.append(configuration(replace(options, exchange=exchange, markets=chosen, port=port)))
            port = port and port + 2 * len(chosen)
    return configs


async def serve(options: Options, status: StatusSettings) -> None:
    """Listen until SIGINT, SIGTERM or the end of ``duration``; addresses first, counts last, on stdout."""
    many = several(options.exchange)
    simulators = Simulators(configurations(options) if many else [configuration(options)])
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopping.set)
    async with simulators:
        with StatusServer(SimulatorPart(simulators, several=many), status):
            if options.as_json:
                click.echo(
                    json.dumps(simulators.addresses if many else simulators[options.exchange].addresses)
                )
            for exchange, markets in simulators.addresses.items():
                for market, addresses in markets.items():
                    _log.info("simulated market is open", exchange=exchange, market=market, **addresses)
            try:
                await asyncio.wait_for(stopping.wait(), options.duration)
            except TimeoutError:
                _log.info("duration is over", duration_s=options.duration)
    click.echo(json.dumps(simulators.counts() if many else simulators[options.exchange].counts()))


def _named(text: str) -> dict[str, tuple[str, ...]]:
    """The exchanges that are named, with their markets."""
    known = exchanges()
    if text == ALL:
        return known
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        usual_markets(name)
    return {name: markets for name, markets in known.items() if name in names}


def _symbols(options: Options) -> list[str]:
    """Those the user names; none when the exchange's usual ones, or so many, are wanted."""
    if options.symbols and options.instruments:
        raise ConfigurationError("--symbols and --instruments exclude each other.")
    if options.symbols is None:
        return []
    symbols = [symbol.strip() for symbol in options.symbols.split(",") if symbol.strip()]
    if not symbols:
        raise ConfigurationError("--symbols names no symbol.")
    return symbols


def _usual_symbols(options: Options, market: str) -> list[str]:
    symbols = dialect(options.exchange, market).default_symbols
    return names(options.instruments, symbols) if options.instruments else list(symbols)


def _recordings(options: Options, symbols: list[str]) -> dict[str, list[RecordingFiles]]:
    """Recordings by market. Bare paths are the files of one recording, whose market and symbol the other options name."""
    recordings: dict[str, list[RecordingFiles]] = {}
    bare: list[Path] = []
    for text in options.recordings:
        name, equals, paths = text.partition("=")
        if not equals:
            bare += _paths(text)
            continue
        market, colon, symbol = name.partition(":")
        if not colon:
            raise ConfigurationError(
                f"'{text}' names no market and symbol.", hint="Write spot:BTC-USDT=PATH."
            )
        recordings.setdefault(market, []).append(RecordingFiles(symbol, _paths(paths)))
    if bare:
        if len(options.markets) != 1 or options.symbols is None or len(symbols) != 1:
            raise ConfigurationError(
                "A recording needs its market and symbol.",
                hint="Add --market and --symbols with one each, or write --recording spot:BTC-USDT=PATH.",
            )
        recordings.setdefault(options.markets[0], []).append(RecordingFiles(symbols[0], bare))
    return recordings


def _paths(text: str) -> list[Path]:
    return [Path(part) for part in _parts(text)]


def _parts(text: str) -> Iterable[str]:
    # A path may itself contain a comma: then it is taken as it is.
    return [text] if Path(text).exists() else text.split(",")


def _speed(text: str) -> float:
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise ConfigurationError(f"'{text}' is no speed.", hint="Give a factor like 10, or max.")
    return speed
