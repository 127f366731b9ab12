"""A run as the user meets it: alone in its data folder, a view for the terminal there is, a summary at the end."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from bookmill.demo.exchange import SimulatedExchange
from bookmill.demo.foreground import foreground
from bookmill.demo.interrupts import InterruptedRunError
from bookmill.demo.lines import Lines
from bookmill.demo.names import markets
from bookmill.demo.running import Run
from bookmill.demo.view import Screen
from bookmill.demo.watch import Display
from bookmill.errors import ConfigurationError
from bookmill.settings import Settings

__all__ = ["run"]

_LOCK_FILE = "pipeline.lock"


def run(
    settings: Settings,
    *,
    title: str,
    exchange: SimulatedExchange | None,
    duration_s: float | None,
    serve: bool,
    as_json: bool,
) -> None:
    """Run a pipeline and print its summary; raises :class:`BookmillError` when it cannot be."""
    if not markets(settings):
        raise ConfigurationError(
            "No market is enabled.", hint="Enable one under 'exchanges' in the settings."
        )
    with foreground(), _alone(settings.data_dir.absolute()):
        whole = Run(
            settings,
            title=title,
            exchange=exchange,
            duration_s=duration_s,
            serve=serve,
            display=_display(as_json=as_json),
        )
        try:
            summary = whole.execute()
        except InterruptedRunError as error:
            raise click.Abort from error
    if as_json:
        click.echo(summary.as_json())
    elif summary.began:
        summary.print(Console())
    else:
        click.echo("Stopped before it was up.", err=True)


def _display(*, as_json: bool) -> Display:
    if not as_json and sys.stdout.isatty() and sys.stderr.isatty():
        return Screen(Console())
    return Lines()


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Two pipelines in one folder would share topics and consumer groups, and neither's figures would be right."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / _LOCK_FILE).open("wb")
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {data_dir} cannot be used: {error.strerror}.",
            hint="Set BOOKMILL_DATA_DIR to one that can be written.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"A pipeline (bookmill demo or up) is already running with the data folder {data_dir}.",
                hint="Stop it first, or set BOOKMILL_DATA_DIR to another folder.",
            ) from error
        yield
