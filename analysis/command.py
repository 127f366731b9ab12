"""``bookmill analyze``: what the stored data say, as tables, JSON or a picture."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bookmill.since import SINCE

if TYPE_CHECKING:
    from analysis.reports import Bars, Report

__all__ = ["analyze"]

_WIDE = 220
"""Characters of a line where nobody's terminal says how many: nothing is cut off for a file."""
_TIMEOUT_S = 300.0
_WHAT = {"trading": "trades", "venues": "books of two venues of one symbol"}
_F = TypeVar("_F", bound=Callable[..., Any])


def _common(since: str) -> Callable[[_F], _F]:
    """The options of all analyses; ``since``: from when on where nobody says it."""
    options = (
        click.option("--exchange", "exchanges", multiple=True, help="Only this exchange; repeatable."),
        click.option(
            "--market", "markets", multiple=True, help="Only this market (spot, usdm …); repeatable."
        ),
        click.option("--symbol", "symbols", multiple=True, help="Only this symbol (BTC-USDT); repeatable."),
        click.option(
            "--since",
            type=SINCE,
            default=since,
            show_default=True,
            help="From when on: 30m, 12h, 7d, or a moment (ISO 8601, UTC).",
        ),
        click.option(
            "--until", type=SINCE, help="Until when (exclusive), written the same way; now, unless given."
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object on stdout: all digits, all fields."
        ),
        click.option(
            "--plot",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            metavar="FILE.png",
            help="Draw it into this file.",
        ),
    )

    def add(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group()
def analyze() -> None:
    """Statistics over what is stored in ClickHouse.

    The same are views in the database for SQL of your own: docs/analysis.md says what each of them means.

    \b
    Examples:
      bookmill analyze summary
      bookmill analyze trading --symbol BTC-USDT --since 1h --plot trading.png
      bookmill analyze profile --exchange binance --market spot --symbol BTC-USDT --buckets 40
      bookmill analyze spreads --since 2026-11-26T08:00 --until 2026-11-26T09:00 --json
      bookmill sql "SELECT * FROM market_summary(since = '2026-11-26', until = '2026-11-27')"
    """


@analyze.command()
@_common("24h")
def summary(**options: Any) -> None:
    """Last price, change, high, low, volume, VWAP and spread of each instrument."""
    _run("summary", **options)


@analyze.command()
@_common("24h")
def trading(**options: Any) -> None:
    """VWAP, realised volatility, order-flow imbalance and sizes of trades.

    Volatility is the square root of the sum of squared log returns of one-minute bars; "a year" scales it to 365 days.
    Trade imbalance is (bought - sold) / all; order flow is what was added to the bid and taken off the ask at the top of the
    book, less the opposite, in base units; book imbalance the mean over time of (bid - ask) / (bid + ask) of the quantities there.
    """
    _run("trading", **options)


@analyze.command()
@_common("24h")
@click.option("--step", metavar="PRICE", help="Width of a bucket: 0.5.")
@click.option("--ticks", type=int, help="Width of a bucket in ticks of the instrument.")
@click.option("--buckets", type=int, help="At most so many buckets (50, where nothing is said).")
def profile(step: str | None, ticks: int | None, buckets: int | None, **options: Any) -> None:
    """How much of one instrument was traded at which price.

    The point of control (POC) is the bucket of the greatest volume; the value area grows from it until it holds 70 % of all.
    """
    from analysis.profile import Width

    _run("profile", Width(step, ticks, buckets), **options)


@analyze.command()
@_common("1h")
def spreads(**options: Any) -> None:
    """Mean and percentiles of spreads, weighted by how long each held, and by hour of the day."""
    _run("spreads", **options)


@analyze.command()
@_common("1h")
def venues(**options: Any) -> None:
    """The venues of each symbol beside each other: whose price is best, and how far they are apart."""
    _run("venues", **options)


@analyze.command()
@_common("24h")
def quality(**options: Any) -> None:
    """Gaps, completeness, disorder, duplicates, latency and silence of each instrument."""
    _run("quality", **options)


def _run(
    name: str,
    *more: Any,
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    symbols: tuple[str, ...],
    since: datetime,
    until: datetime | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    import asyncio
    import json

    from rich.console import Console

    from analysis import reports
    from analysis.profile import profile as profile_of
    from analysis.question import NothingStoredError, Question, micros
    from analysis.tables import tables
    from bookmill import addresses, settings_loading
    from bookmill.archive import Archive

    question = Question(micros(since), micros(until or datetime.now(UTC)), exchanges, markets, symbols)
    settings = settings_loading.load()
    url = settings.clickhouse.url or addresses.resolve(settings).clickhouse

    async def ask() -> tuple[Report, Bars]:
        read = profile_of if name == "profile" else getattr(reports, name)
        async with Archive(settings.clickhouse, url, timeout_s=_TIMEOUT_S) as archive:
            report = await read(archive, question, *more)
            drawn = plot is not None and name == "trading"
            return report, await reports.bars(archive, question) if drawn else (0, [])

    report, bars = asyncio.run(ask())
    if not next(value for value in report.values() if isinstance(value, list)):
        raise NothingStoredError(question, what=_WHAT.get(name, "events"))
    if plot is not None:
        from analysis.plots import draw

        draw(name, report, plot, bars)
    if as_json:
        click.echo(json.dumps(report))
        return
    console = Console(width=None if Console().is_terminal else _WIDE)
    for table in tables(name, report):
        console.print(table)
    if plot is not None:
        click.echo(f"Drawn into {plot}.", err=True)
