"""``bookmill gaps``: what is missing, since when, why, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from bookmill.errors import RefusedError
from bookmill.since import SINCE

__all__ = ["gaps"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDE = 200
"""Characters of a line where nobody's terminal says how many: nothing is cut off for a file."""


@click.command()
@click.option(
    "--since",
    type=SINCE,
    default="24h",
    show_default=True,
    help="From when on: 30m, 1h, 7d, or a moment (ISO 8601, UTC).",
)
@click.option("--exchange", default="", help="Only this exchange.")
@click.option("--symbol", default="", help="Only this symbol: BTC-USDT.")
@click.option("--open", "only_open", is_flag=True, help="Only gaps that are still open, or given up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def gaps(since: datetime, exchange: str, symbol: str, *, only_open: bool, as_json: bool) -> None:
    """Show the gaps of the data, and how complete each instrument is.

    A gap has a cause (a hole in an exchange's numbers, a lost connection, a checksum …) and an end: how it was healed and
    whether all is there again. "given up": missing trades were asked for worker.backfill_attempts times, and will not be again.
    "superseded": nobody has said that it ended, but later data show it. Below them, per instrument: the part of the time its book was live, and the part of its trades that is
    stored. Reads the tables gaps, trades and book_snapshots; the view gaps_now has one row a gap for queries of your own.

    \b
    Examples:
      bookmill gaps --since 1h
      bookmill gaps --since 2026-11-26T00:00 --exchange binance --symbol BTC-USDT
      bookmill gaps --open --json | jq '.gaps[].cause'
      bookmill sql "SELECT cause, count() FROM gaps_now GROUP BY cause"
    """
    from rich.console import Console

    from bookmill import addresses, settings_loading
    from bookmill.completeness import read_report
    from bookmill.gap_ledger import Choice, given_up_micros
    from bookmill.questions import Selection, answered
    from sinks.gap_report import as_json as json_of
    from sinks.gap_report import tables
    from sinks.query import asking

    settings = settings_loading.load()
    given_up = given_up_micros(settings.worker.backfill_patience_s, _micros(datetime.now(UTC)))
    chosen = Selection(tuple(filter(None, [exchange])), symbols=tuple(filter(None, [symbol])))
    choice = Choice(_micros(since), chosen, only_open=only_open, given_up_micros=given_up)
    url = settings.clickhouse.url or addresses.resolve(settings).clickhouse
    report = answered(read_report(choice), asking(settings.clickhouse, url))
    if not report.instruments and (exchange or symbol):
        named = " ".join(filter(None, (exchange, symbol)))
        raise RefusedError(
            f"Nothing of {named} is stored since {since:%Y-%m-%d %H:%M} UTC.",
            hint="'bookmill gaps' without it shows what there is.",
        )
    if as_json:
        click.echo(json_of(report))
        return
    console = Console(width=None if Console().is_terminal else _WIDE)
    for table in tables(report):
        console.print(table)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
