"""``bookmill verify``: the proof that ClickHouse has what the raw topics give."""

from __future__ import annotations

import json
import sys
from datetime import datetime

import click

from bookmill.since import SINCE

__all__ = ["verify"]


@click.command()
@click.option("--since", type=SINCE, help="Only raw records written since then: 30m, 12h, 7d or an ISO time.")
@click.option("--exchange", help="Only this exchange.")
@click.option("--market", help="Only this market.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Raw partitions read side by side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    since: datetime | None, exchange: str | None, market: str | None, processes: int, *, as_json: bool
) -> None:
    """Make everything again of the raw topics and compare it with ClickHouse; exit status 1 if anything is wrong.

    Reads the raw topics of the settings' markets, builds all events with the workers' own code, and holds rows, ids and values against
    the tables: what is missing, double, different, or there without a raw record. Frames that a producer took and that no partition has are
    named too. It runs beside a working system and looks at what workers and sinks have committed; it writes to tables of its own,
    which it drops.

    \b
    Examples:
      bookmill verify
      bookmill verify --since 2h --exchange binance
      bookmill verify --processes 4 --json
    """
    from audit import report
    from audit.progress import Reading
    from audit.running import terminable
    from audit.spans import markets_of
    from audit.verification import verify as run
    from bookmill import addresses, log, settings_loading

    settings = settings_loading.load()
    log.configure(settings.log)
    markets = markets_of(settings, exchange, market)
    with terminable(), Reading(shown=not as_json) as reading:
        found = run(
            settings,
            addresses.resolve(settings),
            markets=markets,
            since_ms=None if since is None else int(since.timestamp() * 1000),
            processes=processes,
            begin=reading.begin,
            progress=reading.progress,
        )
    if as_json:
        click.echo(json.dumps(report.as_json(found)))
    else:
        report.show(found)
    if not found.good:
        sys.exit(1)
