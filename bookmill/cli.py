"""The one command ``bookmill``. Its sub-commands live in the rooms they start and are found by entry point."""

from __future__ import annotations

import difflib
import os
import sys
from importlib.metadata import EntryPoint, entry_points, version

import click

from bookmill.errors import BookmillError
from bookmill.memory import one_heap

__all__ = ["cli", "main"]


class _EntryPointGroup(click.Group):
    """Loads a sub-command when it is used: ``bookmill --help`` imports no Kafka client, no database, no browser of data.

    A room adds a command by one line under ``[project.entry-points."bookmill.commands"]``.
    """

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group="bookmill.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the signature is the library's
        return sorted(self._entry_points())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  same
        point = self._entry_points().get(cmd_name)
        if point is None:
            return None
        command: click.Command = point.load()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self._entry_points(), n=1)
            if close:
                error.message += f" Did you mean '{close[0]}'?"
            raise


@click.group(cls=_EntryPointGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("bookmill"), prog_name="bookmill")
def cli() -> None:
    """Open, exact, real-time crypto market data on Kafka.

    \b
    Examples:
      bookmill demo                        the whole pipeline on a simulated exchange, in this terminal
      bookmill up                          the same against the real exchanges
      bookmill platform start              Kafka, schema registry and ClickHouse in the background
      bookmill sql "SELECT count() FROM trades"
    """


def main() -> None:
    """Run the command line: a :class:`BookmillError`, or a word that is no good, becomes one sentence on stderr and exit status 1."""
    one_heap()
    try:
        cli(standalone_mode=False)
    except BookmillError as error:
        click.echo(f"bookmill: {error}", err=True)
        sys.exit(1)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(1)
    except click.ClickException as error:
        said = error.format_message()
        end = "" if said.endswith((".", "?")) else "."
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        hint = f" See '{where} -h'." if where else ""
        click.echo(f"bookmill: {said}{end}{hint}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("bookmill: stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) is gone: nothing left to say, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
