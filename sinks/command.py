"""``bookmill sink``: events from Kafka into ClickHouse, until it is told to stop."""

from __future__ import annotations

import click

__all__ = ["sink"]


@click.command()
def sink() -> None:
    """Store events in ClickHouse, exactly once, until SIGINT or SIGTERM.

    Reads the event topics (trades, spreads, book_snapshots, tickers, klines, derivatives, liquidations, gaps, instruments; of
    watchers: consolidated, alerts) and
    fills the tables of the same names, which it makes where they are missing, as it adds columns that an older one lacks. Records that cannot be stored go to <topic>.dlq with the reason. Any number of sinks share the work:
    start the command again, here or elsewhere. While ClickHouse, the registry or Kafka does not answer, it waits.

    \b
    Examples:
      bookmill sink
      BOOKMILL_SINK__BATCH_MS=200 bookmill sink          rows are visible sooner, in smaller inserts
      BOOKMILL_SINK__TOPICS='["trades"]' bookmill sink   only trades
    """
    from bookmill import log, settings_loading
    from sinks.service import run

    settings = settings_loading.load()
    log.configure(settings.log)
    run(settings)
