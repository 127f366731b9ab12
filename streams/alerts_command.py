"""``bookmill alerts``: the rules of alerts, what they have said, and a trial of their webhooks."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from bookmill.errors import ConfigurationError, UnavailableError
from bookmill.since import SINCE

if TYPE_CHECKING:
    from bookmill.settings import Settings
    from schemas.alert_store import AlertStore, StoredRule

__all__ = ["alerts"]


@click.group()
def alerts() -> None:
    """Rules of which alerts are made, and what they have said.

    A rule watches each instrument it is about for one thing. 'bookmill watcher' holds it against what comes and writes alerts to
    the topic and table alerts, to the gateway, and to the rule's webhook. docs/alerts.md has all kinds and their parameters.

    \b
    Examples:
      bookmill alerts add price_crosses binance.spot.BTC-USDT level=65000 direction=up
      bookmill alerts add change_percent '*.*.ETH-USDT' window_s=300 percent=2 --cooldown 600
      bookmill alerts add spread_bps_over 'binance.*' bps=5 --hysteresis 1
      bookmill alerts add cross_venue '*.spot.BTC-USDT' bps=2 --webhook https://hooks.example/x
      bookmill alerts list
      bookmill alerts log --since 1h
    """


@alerts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout.")
def list_rules(*, as_json: bool) -> None:
    """List the rules.

    \b
    Examples:
      bookmill alerts list
      bookmill alerts list --json | jq -r 'select(.on) | .id'
    """
    from streams.alerts_shown import form_of, print_table

    _, store = _store()
    stored = store.list()
    if store.unreadable:
        click.echo(f"bookmill: {store.unreadable} records of {store.topic} cannot be read.", err=True)
    if as_json:
        for one in stored.values():
            click.echo(json.dumps(form_of(one)))
    else:
        print_table(list(stored.values()))


@alerts.command()
@click.argument("kind")
@click.argument("instrument")
@click.argument("parameters", nargs=-1)
@click.option("--id", "rule_id", help="Made of kind and instrument where it is not given.")
@click.option("--name", default="", help="What people call it.")
@click.option("--hysteresis", help="How far it has to go back before it counts as ended.")
@click.option("--cooldown", "cooldown_s", help="Seconds between two alerts of one instrument.")
@click.option("--webhook", help="Address that is told each alert by POST.")
@click.option("--quiet", is_flag=True, help="The dashboard does not call attention to its alerts.")
@click.option("--only-fired", is_flag=True, help="The webhook is not told when it has ended.")
@click.option("--off", is_flag=True, help="It is not watched until 'bookmill alerts enable'.")
@click.option("--replace", is_flag=True, help="In place of the rule that has this id.")
def add(
    kind: str,
    instrument: str,
    parameters: tuple[str, ...],
    *,
    rule_id: str | None,
    quiet: bool,
    only_fired: bool,
    off: bool,
    replace: bool,
    **given: str | None,
) -> None:
    """Make a rule: KIND of INSTRUMENT (exchange.market.symbol, with stars), with PARAMETERS as name=value.

    \b
    Kinds and their parameters:
      price_crosses    level=  direction=up|down|both  price=trade|mid
      change_percent   window_s=  percent=  direction=  price=
      spread_bps_over  bps=  origin=book|ticker
      volume_spike     window_s=  factor=  minimum=  windows=
      gap_opened       stream=
      feed_stale       seconds=  feed=any|trades|prices
      cross_venue      bps=        (instrument: '*.spot.BTC-USDT', '*.perpetual.*')

    \b
    Examples:
      bookmill alerts add price_crosses binance.spot.BTC-USDT level=65000 direction=up --id btc-65k
      bookmill alerts add feed_stale 'okx.*' seconds=30 --name 'OKX is silent'
    """
    from schemas.alert_rules import rule_from
    from streams.alerts_arguments import made_up_id, pairs, pattern

    exchange, market, symbol = pattern(instrument)
    rule = rule_from(
        {
            "id": rule_id or made_up_id(kind, exchange, market, symbol),
            "exchange": exchange,
            "market": market,
            "symbol": symbol,
            "condition": {**pairs(parameters), "kind": kind},
            "on": not off,
            "dashboard": not quiet,
            "cleared": not only_fired,
            **{name: value for name, value in given.items() if value is not None},
        }
    )
    settings, store = _store()
    if not replace and rule.id in store.list():
        raise ConfigurationError(
            f"There is a rule {rule.id!r} already.", hint="Give another --id, or --replace it."
        )
    _warn_of_host(settings, rule.webhook)
    store.put(rule, changed_by=_who())
    click.echo(f"{rule.id}: {'on' if rule.on else 'off'}")


@alerts.command()
@click.argument("ids", nargs=-1, required=True)
def remove(ids: tuple[str, ...]) -> None:
    """End rules for good; what they have said stays.

    \b
    Example:
      bookmill alerts remove btc-65k
    """
    _, store = _store()
    for one in _chosen(store, ids):
        store.delete(one.rule.id)
        click.echo(f"{one.rule.id}: removed")


@alerts.command()
@click.argument("ids", nargs=-1, required=True)
def enable(ids: tuple[str, ...]) -> None:
    """Watch rules again; what came before is not held against them.

    \b
    Example:
      bookmill alerts enable btc-65k
    """
    _switch(ids, on=True)


@alerts.command()
@click.argument("ids", nargs=-1, required=True)
def disable(ids: tuple[str, ...]) -> None:
    """Watch rules no longer, but keep them.

    \b
    Example:
      bookmill alerts disable btc-65k
    """
    _switch(ids, on=False)


@alerts.command()
@click.option("--since", type=SINCE, default="24h", show_default=True, help="30m, 12h, 7d, or a time.")
@click.option("--rule", default="", help="Only those of this rule.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout.")
def log(since: datetime, rule: str, limit: int, *, as_json: bool) -> None:
    """Show what rules have said, newest first, from the table alerts.

    \b
    Examples:
      bookmill alerts log --since 1h
      bookmill alerts log --rule btc-65k --json | jq -r .message
    """
    import asyncio

    from streams.alerts_said import said

    rows = asyncio.run(said(since, rule, limit))
    for row in rows:
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{row['receive_time']}  {row['state']:<7}  {row['rule']}  {row['message']}")


@alerts.command("test-webhook")
@click.argument("rule_id")
def test_webhook(rule_id: str) -> None:
    """Post a made-up alert to a rule's webhook, signed and repeated as real ones are, and say what became of it.

    \b
    Example:
      bookmill alerts test-webhook btc-65k
    """
    import asyncio

    from streams.watcher.trial import try_webhook

    settings, store = _store()
    [one] = _chosen(store, (rule_id,))
    if one.rule.webhook is None:
        raise ConfigurationError(f"The rule {rule_id!r} has no webhook.")
    outcome = asyncio.run(try_webhook(settings.alerts, one.rule))
    if outcome.result != "delivered":
        raise UnavailableError(
            f"The webhook was not delivered ({outcome.attempts} attempts): {outcome.reason}."
        )
    click.echo(f"delivered: {outcome.reason}")


def _switch(ids: Sequence[str], *, on: bool) -> None:
    _, store = _store()
    for one in _chosen(store, ids):
        store.put(one.rule.model_copy(update={"on": on}), changed_by=_who())
        click.echo(f"{one.rule.id}: {'on' if on else 'off'}")


def _chosen(store: AlertStore, ids: Sequence[str]) -> list[StoredRule]:
    import difflib

    stored = store.list()
    for rule_id in ids:
        if rule_id not in stored:
            close = difflib.get_close_matches(rule_id, stored, n=1)
            raise ConfigurationError(
                f"There is no rule {rule_id!r}.",
                hint=f"Did you mean {close[0]!r}?" if close else "'bookmill alerts list' has all.",
            )
    return [stored[rule_id] for rule_id in dict.fromkeys(ids)]


def _store() -> tuple[Settings, AlertStore]:
    from bookmill import log, settings_loading
    from bookmill.addresses import resolve
    from schemas.alert_store import open_store

    settings = settings_loading.load()
    log.configure(settings.log)
    return settings, open_store(settings, resolve(settings))


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _warn_of_host(settings: Settings, webhook: str | None) -> None:
    from urllib.parse import urlsplit

    hosts = settings.alerts.webhook_hosts
    if webhook and hosts and (urlsplit(webhook).hostname or "") not in hosts:
        click.echo("bookmill: alerts.webhook_hosts does not name its host: nothing will be sent.", err=True)
