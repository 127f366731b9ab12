"""``bookmill rebuild``: tables made anew of the raw topics."""

from __future__ import annotations

import click

__all__ = ["rebuild"]


@click.command()
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", help="Only this table; may be given several times."
)
@click.option("--exchange", help="Only rows of this exchange.")
@click.option("--market", help="Only rows of this market.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Raw partitions read side by side.",
)
def rebuild(tables: tuple[str, ...], exchange: str | None, market: str | None, processes: int) -> None:
    """Make tables anew of the raw topics, with the workers' own code, and put them in the place of the old ones.

    Sinks may go on meanwhile. Rows older than the raw topics, and what workers have not committed yet, are taken over from the old
    table as they are; rows the raw topics give come from them, whatever stood there before.

    \b
    Examples:
      bookmill rebuild
      bookmill rebuild --table trades --table spreads
      bookmill rebuild --exchange okx --processes 4
    """
    from audit.progress import Reading
    from audit.rebuild import rebuild as run
    from audit.rebuild import topics_of
    from audit.running import terminable
    from audit.spans import markets_of
    from bookmill import addresses, log, settings_loading

    settings = settings_loading.load()
    log.configure(settings.log)
    markets, topics = markets_of(settings, exchange, market), topics_of(tables)
    with terminable(), Reading(shown=True) as reading:
        for table in run(
            settings,
            addresses.resolve(settings),
            topics,
            markets=markets,
            processes=processes,
            begin=reading.begin,
            progress=reading.progress,
        ):
            click.echo(
                f"{table.table}: {table.rebuilt:,} rows made anew in the place of {table.before:,},"
                f" {table.kept:,} taken over as they were."
            )
