"""``bookmill subscribe``, ``unsubscribe`` and ``subscriptions``: what shared producers collect."""

from __future__ import annotations

import difflib
import getpass
import json
import re
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bookmill.errors import ConfigurationError

if TYPE_CHECKING:
    from bookmill.settings import Settings
    from schemas.subscriptions import Stored, SubscriptionStore

__all__ = ["subscribe", "subscriptions", "unsubscribe"]

_WIDE = 200
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._]*(-[A-Z0-9._]+)+")


@click.command()
@click.argument("market")
@click.argument("symbols", nargs=-1, required=True)
@click.option("--channels", help="Only these, comma-separated: book, best, trades, ticker, klines …")
def subscribe(market: str, symbols: tuple[str, ...], channels: str | None) -> None:
    """Ask the shared producers to collect SYMBOLS of MARKET (exchange.market) from now on.

    Written to control.subscriptions, where it stays: the producer that has the instrument's partition begins within
    seconds, whichever runs now or later. Asking again with other channels changes them, without --channels to those of
    the producers' settings. An instrument the exchange does not have is named in the health of the producer that should collect it,
    and in 'bookmill subscriptions' as any other.

    \b
    Examples:
      bookmill subscribe binance.spot SOL-USDT XRP-USDT
      bookmill subscribe okx.swap BTC-USDT --channels book,trades
    """
    _write(market, symbols, on=True, channels=_channels(channels))


@click.command()
@click.argument("market")
@click.argument("symbols", nargs=-1, required=True)
def unsubscribe(market: str, symbols: tuple[str, ...]) -> None:
    """Ask the shared producers to collect SYMBOLS of MARKET (exchange.market) no longer.

    \b
    Example:
      bookmill unsubscribe binance.spot SOL-USDT
    """
    _write(market, symbols, on=False, channels=())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line on stdout.")
def subscriptions(*, as_json: bool) -> None:
    """List what shall be collected, and which shared producer has it.

    \b
    Examples:
      bookmill subscriptions
      bookmill subscriptions --json | jq -r 'select(.on) | .symbol'
    """
    from schemas.subscriptions import group_of

    settings, store = _store()
    stored = store.read()
    collectors = {
        partition: one.producer
        for one in store.collectors(group_of(settings.kafka, settings.producer.group))
        for partition in one.partitions
    }
    if store.unreadable:
        click.echo(f"bookmill: {store.unreadable} records of {store.topic} cannot be read.", err=True)
    rows = [stored[key] for key in sorted(stored)]
    if as_json:
        for one in rows:
            click.echo(json.dumps(_as_json(one, collectors.get(one.partition))))
    else:
        _print_table(rows, collectors)


def _write(market: str, symbols: Sequence[str], *, on: bool, channels: tuple[str, ...]) -> None:
    from schemas.subscriptions import Desired

    exchange, name = _market(market)
    names = list(dict.fromkeys(_symbol(symbol) for symbol in symbols))
    asked_by = f"{getpass.getuser()}@{socket.gethostname()}"
    states = [
        Desired(exchange, name, symbol, on, channels, asked_by, time.time_ns() // 1000) for symbol in names
    ]
    _, store = _store()
    store.write(states)
    for one in states:
        what = f" ({', '.join(channels)})" if channels else ""
        click.echo(f"{one.key}: {'on' if on else 'off'}{what}")


def _store() -> tuple[Settings, SubscriptionStore]:
    from bookmill import log, settings_loading
    from bookmill.addresses import resolve
    from schemas import registry
    from schemas.admin import ensure_topics
    from schemas.catalogue import CONTROL_SUBSCRIPTIONS
    from schemas.subscriptions import SubscriptionStore

    settings = settings_loading.load()
    log.configure(settings.log)
    addresses = resolve(settings)
    ensure_topics(settings.kafka, addresses.kafka, [CONTROL_SUBSCRIPTIONS])
    registered = registry.client(settings.registry, addresses.registry)
    [schema_id] = registry.register(
        registered, addresses.registry, [CONTROL_SUBSCRIPTIONS], prefix=settings.kafka.topic_prefix
    ).values()
    return settings, SubscriptionStore(settings.kafka, addresses.kafka, schema_id)


def _market(given: str) -> tuple[str, str]:
    """Exchange and market; what is polled by ccxt is known to the settings only."""
    from bookmill import settings_loading
    from venues.registry import require_exchange, venue

    exchange, dot, market = given.strip().lower().rpartition(".")
    if not dot or not exchange or not market:
        raise ConfigurationError(f"'{given}' is no market.", hint="Write exchange.market, like binance.spot.")
    if market not in settings_loading.load().exchanges.get(exchange, {}):
        require_exchange(exchange)
        venue(exchange, market)
    return exchange, market


def _symbol(given: str) -> str:
    symbol = given.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigurationError(
            f"'{given}' is no symbol.",
            hint="Write BASE-QUOTE, like BTC-USDT; 'bookmill instruments' lists what there is.",
        )
    return symbol


def _channels(given: str | None) -> tuple[str, ...]:
    from venues.interface import CHANNELS

    if given is None:
        return ()
    names = list(dict.fromkeys(name.strip().lower() for name in given.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("it names no channel.", param_hint="--channels")
    for name in names:
        if name not in CHANNELS:
            close = difflib.get_close_matches(name, CHANNELS, n=1)
            raise ConfigurationError(
                f"There is no channel '{name}'.",
                hint=f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(CHANNELS)}.",
            )
    return tuple(name for name in CHANNELS if name in names)


def _as_json(one: Stored, producer: str | None) -> dict[str, object]:
    desired = one.desired
    return {
        "exchange": desired.exchange,
        "market": desired.market,
        "symbol": desired.symbol,
        "on": desired.on,
        "channels": list(desired.channels),
        "asked_by": desired.asked_by,
        "asked_time_micros": desired.asked_micros,
        "partition": one.partition,
        "producer": producer if desired.on else None,
    }


def _print_table(rows: Sequence[Stored], collectors: dict[int, str]) -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("instrument", "wanted", "channels", "producer", "asked by", "asked (UTC)"):
        table.add_column(column)
    for one in rows:
        desired = one.desired
        table.add_row(
            desired.key,
            "on" if desired.on else "off",
            ", ".join(desired.channels) or "of the settings",
            (collectors.get(one.partition) or "none runs") if desired.on else "",
            desired.asked_by,
            f"{datetime.fromtimestamp(desired.asked_micros / 1e6, UTC):%Y-%m-%d %H:%M:%S}",
        )
    console = Console()
    Console(width=None if console.is_terminal else _WIDE).print(table)
