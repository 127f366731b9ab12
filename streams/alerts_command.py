"""``bookmill alerts``: the rules of alerts, what they have said, and a trial of their webhooks."""

from __future__ import annotations

import getpass
import json
import re
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from bookmill.errors import ConfigurationError, UnavailableError
from bookmill.since import SINCE

if TYPE_CHECKING:
    from bookmill.settings import Settings
    from schemas.alert_store import AlertStore, StoredRule

__all__ = ["alerts"]

_WIDE = 200


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
    _, store = _store()
    stored = store.list()
    if store.unreadable:
        click.echo(f"bookmill: {store.unreadable} records of {store.topic} cannot be read.", err=True)
    if as_json:
        for one in stored.values():
            click.echo(json.dumps(_as_json(one)))
    else:
        _print_table(list(stored.values()))


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

    exchange, market, symbol = _pattern(instrument)
    rule = rule_from(
        {
            "id": rule_id or _made_up_id(kind, exchange, market, symbol),
            "exchange": exchange,
            "market": market,
            "symbol": symbol,
            "condition": {**_pairs(parameters), "kind": kind},
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

    rows = asyncio.run(_said(since, rule, limit))
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

    settings, store = _store()
    [one] = _chosen(store, (rule_id,))
    if one.rule.webhook is None:
        raise ConfigurationError(f"The rule {rule_id!r} has no webhook.")
    outcome = asyncio.run(_trial(settings, one))
    if outcome.result != "delivered":
        raise UnavailableError(
            f"The webhook was not delivered ({outcome.attempts} attempts): {outcome.reason}."
        )
    click.echo(f"delivered: {outcome.reason}")


async def _said(since: datetime, rule: str, limit: int) -> Sequence[dict[str, Any]]:
    from bookmill import settings_loading
    from bookmill.addresses import resolve
    from bookmill.archive import Archive

    settings = settings_loading.load()
    addresses = resolve(settings)
    async with Archive(
        settings.clickhouse, addresses.clickhouse, timeout_s=settings.gateway.query_timeout_s
    ) as archive:
        return await archive.rows(
            "SELECT * EXCEPT (source_topic, source_partition, source_offset, source_index, inserted_time)"
            " FROM alerts WHERE receive_time >= fromUnixTimestamp64Micro({since:Int64})"
            " AND ({rule:String} = '' OR rule = {rule:String})"
            " ORDER BY receive_time DESC, source_offset DESC, source_index DESC LIMIT {limit:UInt32}",
            {"since": int(since.timestamp()) * 1_000_000, "rule": rule, "limit": limit},
        )


async def _trial(settings: Settings, one: StoredRule) -> Any:
    import time

    from streams.watcher.webhook import Webhook, alert_body

    rule, now_micros = one.rule, time.time_ns() // 1000
    alert = f"{rule.id}:test/0/{now_micros:020d}/000000"
    event: dict[str, Any] = {
        "exchange": "test",
        "market": "test",
        "symbol": "TEST-TEST",
        "alert": alert,
        "rule": rule.id,
        "rule_name": rule.title,
        "kind": rule.condition.kind,
        "state": "fired",
        "direction": None,
        "value": None,
        "threshold": None,
        "message": f"A trial of the webhook of {rule.title}.",
        "receive_time": now_micros,
        "source_topic": "test",
        "source_partition": 0,
        "source_offset": now_micros,
        "source_index": 0,
    }
    async with Webhook(settings.alerts) as webhook:
        return await webhook.post(rule.webhook or "", alert, alert_body(event))


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


def _pattern(given: str) -> tuple[str, str, str]:
    """Exchange, market and symbol; what is left out is any."""
    exchange, market, symbol = (*given.strip().split(".", 2), "*", "*")[:3]
    return exchange.lower(), market.lower(), symbol.upper()


def _pairs(parameters: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in parameters:
        name, equals, value = each.partition("=")
        if not equals:
            raise ConfigurationError(f"{each!r} is no parameter.", hint="Write name=value, like level=65000.")
        found[name.strip()] = value.strip()
    return found


def _made_up_id(kind: str, exchange: str, market: str, symbol: str) -> str:
    words = [kind, *(each for each in (exchange, market, symbol) if each != "*")]
    return re.sub(r"[^a-z0-9._-]+", "-", "-".join(words).lower())[:64].strip("-._") or "rule"


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _warn_of_host(settings: Settings, webhook: str | None) -> None:
    from urllib.parse import urlsplit

    hosts = settings.alerts.webhook_hosts
    if webhook and hosts and (urlsplit(webhook).hostname or "") not in hosts:
        click.echo("bookmill: alerts.webhook_hosts does not name its host: nothing will be sent.", err=True)


def _as_json(one: StoredRule) -> dict[str, Any]:
    return {
        **one.rule.model_dump(mode="json"),
        "changed_by": one.changed_by,
        "changed_time_us": one.changed_micros,
    }


def _print_table(rows: Sequence[StoredRule]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("id", "on", "kind", "instruments", "parameters", "webhook", "changed by", "changed (UTC)"):
        table.add_column(column)
    for one in rows:
        rule = one.rule
        more = {"hysteresis": rule.hysteresis, "cooldown_s": rule.cooldown_s}
        parameters = {**rule.parameters, **{name: f"{value:f}" for name, value in more.items() if value}}
        table.add_row(
            rule.id,
            "on" if rule.on else "off",
            rule.condition.kind,
            f"{rule.exchange}.{rule.market}.{rule.symbol}",
            " ".join(f"{name}={value}" for name, value in parameters.items()),
            "yes" if rule.webhook else "",
            one.changed_by,
            f"{datetime.fromtimestamp(one.changed_micros / 1e6, UTC):%Y-%m-%d %H:%M:%S}",
        )
    console = Console()
    Console(width=None if console.is_terminal else _WIDE).print(table)
