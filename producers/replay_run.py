"""The replay as a program: bars while it works, counts at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bookmill.addresses import resolve
from bookmill.errors import ConfigurationError, RecordingError
from bookmill.settings import Settings
from producers.arrival import Arrival
from producers.replay import Replayed, replay
from venues.registry import venue

__all__ = ["run"]

_log = structlog.get_logger(__name__)

_STEPS = {"check": "checking", "write": "writing"}


def run(
    settings: Settings,
    paths: Sequence[Path],
    *,
    exchange: str,
    market: str,
    symbol: str,
    speed: float,
    patience_s: float | None,
    as_json: bool,
    unit: str | None = None,
) -> None:
    """Replay, wait when ``patience_s`` says how long, and print the counts on stdout."""
    speaks = venue(exchange, market, chosen=settings.exchanges.get(exchange, {}).get(market))
    if "-" not in symbol:
        raise ConfigurationError(f"'{symbol}' is no BASE-QUOTE.", hint="Write it like BTC-USDT.")
    addresses = resolve(settings)
    size = _size(paths)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        bars = {step: progress.add_task(text, total=size, start=False) for step, text in _STEPS.items()}

        def advanced(step: str, count: int) -> None:
            progress.start_task(bars[step])
            progress.advance(bars[step], count)

        done = asyncio.run(
            replay(
                paths,
                venue=speaks,
                symbol=symbol,
                unit=unit,
                speed=speed,
                settings=settings,
                addresses=addresses,
                advanced=advanced,
            )
        )
        _warn(done, symbol)
        counts = done.counts()
        if patience_s is not None:
            waiting = progress.add_task("waiting", total=None)
            arrival = Arrival(
                settings,
                addresses,
                patience_s=patience_s,
                told=lambda text: progress.update(waiting, description=text),
            )
            counts = arrival.wait(done)
            progress.update(waiting, description="all in ClickHouse", total=1, completed=1)
    _print(counts, as_json=as_json)


def _size(paths: Sequence[Path]) -> int:
    try:
        return sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise RecordingError(f"The recording {error.filename} cannot be read: {error.strerror}.") from error


def _warn(done: Replayed, symbol: str) -> None:
    """A wrong --symbol would put one instrument's frames under another's name; it cannot be known, only suspected."""
    if not all(part in done.wire_symbol for part in symbol.split("-")[:2]):
        _log.warning("symbol and frames differ", symbol=symbol, frames_say=done.wire_symbol)


def _print(counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(counts))
        return
    table = Table("what", "count")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}" if isinstance(count, int) else str(count))
    Console().print(table)
