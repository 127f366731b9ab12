"""``bookmill sql``: a query to the configured ClickHouse."""

from __future__ import annotations

import sys

import click

__all__ = ["sql"]


@click.command()
@click.argument("query")
@click.option(
    "--format",
    "output_format",
    default="PrettyCompactMonoBlock",
    metavar="FORMAT",
    help="Any ClickHouse output format (JSONEachRow, CSVWithNames, Parquet, Vertical …); a readable table by default.",
)
def sql(query: str, output_format: str) -> None:
    """Ask ClickHouse; - reads the QUERY from standard input.

    The tables are trades, spreads, book_snapshots, tickers, klines, derivatives, liquidations, gaps and instruments in the
    database clickhouse.database (market, unless configured). What comes back goes to standard output as ClickHouse sends it.

    \b
    Examples:
      bookmill sql "SELECT symbol, count(), min(price), max(price) FROM trades GROUP BY symbol"
      bookmill sql "SELECT * FROM spreads ORDER BY receive_time DESC LIMIT 5" --format Vertical
      bookmill sql "SELECT * FROM trades" --format Parquet > trades.parquet
      bookmill sql - --format JSONEachRow < query.sql
    """
    from bookmill import addresses, settings_loading
    from bookmill.errors import ConfigurationError
    from sinks.query import run_query

    settings = settings_loading.load()
    url = settings.clickhouse.url or addresses.resolve(settings).clickhouse
    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise ConfigurationError("There is no query.", hint="Give one, or - and the query on standard input.")
    out = click.get_binary_stream("stdout")
    for piece in run_query(settings.clickhouse, url, text, output_format):
        out.write(piece)
    out.flush()
