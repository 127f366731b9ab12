"""``bookmill worker``."""

from __future__ import annotations

import click

__all__ = ["worker"]


@click.command()
@click.option(
    "--status-port", type=click.IntRange(0, 65_535), help="Port of /health, /status and /metrics; 0 for any."
)
def worker(status_port: int | None) -> None:
    """Build books from raw frames and write trades, spreads and book snapshots.

    Any number of workers share the raw partitions as one consumer group. SIGINT or SIGTERM stores what is in flight and
    a checkpoint of every book; a killed worker's partitions are taken over by the others from the last checkpoints.

    \b
    Examples:
      bookmill worker
      bookmill worker --status-port 9402
      BOOKMILL_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BOOKMILL_REGISTRY__URL=http://registry:8081 bookmill worker
    """
    from bookmill.log import configure
    from bookmill.settings_loading import load
    from streams.running import run

    settings = load()
    configure(settings.log)
    if status_port is not None:
        settings = settings.model_copy(
            update={"status": settings.status.model_copy(update={"port": status_port})}
        )
    run(settings)
