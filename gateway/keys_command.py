"""``bookmill keys``: who may ask the gateway for what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.keys import KeyFile, Scope

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """Make, list and end API keys of the gateway.

    Control calls (subscriptions, collectors, alert rules) need a key unless the gateway listens on this machine only; reading needs one
    where gateway.read_needs_key says so. Keys are sent as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'. A running gateway
    notices a change within a second.

    \b
    Examples:
      bookmill keys add desk                      may read
      bookmill keys add operator --scope control  may control, and read
      bookmill keys list
      bookmill keys revoke desk
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "control"]),
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it may do; repeatable. Who may control may read.",
)
def add(name: str, scopes: tuple[Scope, ...]) -> None:
    """Make a key called NAME and print it. It is shown this once: what is kept is its hash.

    \b
    Example:
      curl -H "X-Api-Key: $(bookmill keys add desk)" http://127.0.0.1:8400/api/v1/prices
    """
    made = _file().add(name, scopes)
    click.echo(f"bookmill: the key '{name}' is shown this once.", err=True)
    click.echo(made)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout.")
def list_(*, as_json: bool) -> None:
    """List the keys: name, scopes, when made. The keys themselves are kept nowhere."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    found = _file().read()
    if as_json:
        for key in found:
            click.echo(json.dumps({"name": key.name, "scopes": key.scopes, "made_time_micros": key.made_us}))
        return
    table = Table("key", "scopes", "made (UTC)", box=None, pad_edge=False)
    for key in found:
        made = datetime.fromtimestamp(key.made_us / 1e6, UTC)
        table.add_row(key.name, ", ".join(key.scopes), f"{made:%Y-%m-%d %H:%M:%S}")
    Console().print(table)


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End the key called NAME: within a second it is good for nothing.

    \b
    Example:
      bookmill keys revoke desk
    """
    _file().revoke(name)
    click.echo(f"bookmill: the key '{name}' is good for nothing now.", err=True)


def _file() -> KeyFile:
    from bookmill import settings_loading
    from gateway.keys import KeyFile, keys_file

    return KeyFile(keys_file(settings_loading.load()))
