"""``bookmill platform``: the embedded Kafka, schema registry and ClickHouse."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

__all__ = ["platform"]


@click.group()
def platform() -> None:
    """Kafka, schema registry and ClickHouse on this machine, without docker.

    They are used where no address is configured. Their programs are fetched once (about 215 MB, checksums verified)
    and kept; data and logs are in the data folder (BOOKMILL_DATA_DIR). Everything listens on 127.0.0.1 only. A usual port
    that is taken (9092, 8081, 8123) is replaced by a free one, which is remembered.

    \b
    Examples:
      bookmill platform start
      bookmill platform status
      bookmill platform stop
    """


@platform.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as one JSON object.")
def start(*, as_json: bool) -> None:
    """Start it in the background; returns when all three answer.

    \b
    Examples:
      bookmill platform start
      BOOKMILL_PLATFORM__KAFKA_PORT=19092 bookmill platform start
    """
    from bookmill import settings_loading
    from embedded import background
    from embedded.progress import ConsoleProgress

    settings = settings_loading.load()
    if background.start(settings, ConsoleProgress()):
        click.echo("The platform runs.", err=True)
    else:
        click.echo("The platform is running already.", err=True)
    _show(background.status(settings), as_json=as_json)


@platform.command()
def stop() -> None:
    """Stop it in order and wait until it has stopped. Data stays.

    \b
    Example:
      bookmill platform stop
    """
    from bookmill import settings_loading
    from embedded import background

    if background.stop(settings_loading.load()):
        click.echo("The platform has stopped.", err=True)
    else:
        click.echo("The platform is not running.", err=True)


@platform.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as one JSON object.")
def status(*, as_json: bool) -> None:
    """Show addresses, data folder and whether each part answers; exit status 1 unless all do.

    \b
    Examples:
      bookmill platform status
      bookmill platform status --json
    """
    from bookmill import settings_loading
    from embedded import background

    state = background.status(settings_loading.load())
    _show(state, as_json=as_json)
    if not state["healthy"]:
        sys.exit(1)


@platform.command()
def fetch() -> None:
    """Bring its programs into the cache, where they are not yet, and start nothing.

    \b
    Example:
      bookmill platform fetch
    """
    from bookmill import settings_loading
    from embedded.platform import Platform
    from embedded.progress import ConsoleProgress

    Platform(settings_loading.load(), ConsoleProgress()).fetch()


@platform.command()
def run() -> None:
    """Run it in this terminal until Ctrl-C (or SIGTERM): for containers and service managers.

    \b
    Example:
      bookmill platform run
    """
    from bookmill import log, settings_loading
    from embedded.progress import ConsoleProgress
    from embedded.supervisor import supervise

    settings = settings_loading.load()
    log.configure(settings.log)
    supervise(
        settings, ConsoleProgress(), lambda _: click.echo("The platform runs. Ctrl-C stops it.", err=True)
    )
    click.echo("The platform has stopped.", err=True)


@platform.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, yes: bool) -> None:
    """Delete all its data: topics, schemas, tables, logs. The fetched programs stay. It must be stopped.

    \b
    Examples:
      bookmill platform reset
      bookmill platform reset --yes
    """
    from bookmill import settings_loading
    from bookmill.errors import PlatformError
    from embedded import folder

    data_dir = settings_loading.load().data_dir
    if pid := folder.owner(data_dir):
        raise PlatformError(
            f"The platform (process {pid}) is running in {data_dir}.",
            hint="Stop it first: bookmill platform stop.",
        )
    doomed = folder.contents(data_dir)
    if not doomed:
        click.echo(f"There is nothing to delete in {data_dir}.", err=True)
        return
    click.echo(f"These will be deleted in {data_dir}: {', '.join(path.name for path in doomed)}.", err=True)
    if not yes:
        click.confirm("All topics, schemas and tables there are lost. Go on?", abort=True, err=True)
    folder.empty(data_dir)
    click.echo("They are deleted.", err=True)


def _show(state: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(state))
        return
    if not state["running"]:
        click.echo(f"not running    data in {state['data_dir']}")
        return
    for name, part in state["parts"].items():
        health = "answers" if part["answers"] else "DOES NOT ANSWER"
        click.echo(f"{name:<11} {part['address']:<44} {health}, {part['memory_mib']} MiB")
    click.echo(f"{'data':<11} {state['data_dir']}")
