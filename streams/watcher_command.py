"""``bookmill watcher``."""

from __future__ import annotations

import click

__all__ = ["watcher"]


@click.command()
@click.option(
    "--status-port", type=click.IntRange(0, 65_535), help="Port of /health, /status and /metrics; 0 for any."
)
def watcher(status_port: int | None) -> None:
    """Build the consolidated book over all exchanges, and make alerts.

    Reads what workers write; writes consolidated (the best bid and ask of each symbol over all live books) and alerts (what the
    rules of 'bookmill alerts' say), and posts webhooks. Any number of watchers share the work as one consumer group: what a
    killed one had is taken over by the others.

    \b
    Examples:
      bookmill watcher
      BOOKMILL_WATCHER__STALE_AFTER_S=5 bookmill watcher         tops are no part of the best after 5 silent seconds
      BOOKMILL_ALERTS__WEBHOOK_SECRET=… bookmill watcher         webhooks are signed
    """
    from bookmill.log import configure
    from bookmill.settings_loading import load
    from streams.watcher.running import run

    settings = load()
    configure(settings.log)
    if status_port is not None:
        settings = settings.model_copy(
            update={"status": settings.status.model_copy(update={"port": status_port})}
        )
    run(settings)
