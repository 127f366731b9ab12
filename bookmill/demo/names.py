"""Which topics and tables a run uses, and how its parts are told."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bookmill.addresses import Addresses
from bookmill.demo.exchange import SimulatedExchange
from bookmill.settings import ClickHouseSettings, GatewaySettings, MarketSettings, Settings

__all__ = ["dashboard_address", "environment", "markets", "needs_platform", "simulated"]

_APART = "demo"


def needs_platform(settings: Settings) -> bool:
    """Whether any of the three servers is the embedded one."""
    configured = (settings.kafka.bootstrap_servers, settings.registry.url, settings.clickhouse.url)
    return not all(configured)


def simulated(settings: Settings, exchange: SimulatedExchange) -> Settings:
    """The settings for a demo: only the simulated markets are collected, from where they are simulated.

    Simulated frames never stand among real ones: topics and groups get the prefix ``demo.`` (unless the settings have one),
    so that no book of ``bookmill up`` can go on from a simulated one. The rows of the embedded ClickHouse do go to the
    configured database: a demo is what a new user tries first, and ``bookmill sql "SELECT … FROM trades"`` shall show
    what came of it. They name where they come from: ``source_topic LIKE 'demo.%'``. A ClickHouse whose address was
    configured may hold real data: there the tables are in the database ``demo``, unless the settings name another than the
    default one.
    """
    chosen = {
        name: {market: each.model_copy(update={"enabled": False}) for market, each in collected.items()}
        for name, collected in settings.exchanges.items()
    }
    for full in exchange.markets:
        name, _, market = full.partition(".")
        configured = settings.exchanges.get(name, {}).get(market, MarketSettings())
        websocket, rest = exchange.addresses(full)
        chosen.setdefault(name, {})[market] = MarketSettings(
            symbols=tuple(exchange.symbols(full)),
            channels=configured.channels,
            kline_intervals=configured.kline_intervals,
            trades=configured.trades,
            websocket_url=websocket,
            rest_url=rest,
        )
    kafka, clickhouse = settings.kafka, settings.clickhouse
    if not kafka.topic_prefix:
        kafka = kafka.model_copy(update={"topic_prefix": f"{_APART}."})
    if clickhouse.url and clickhouse.database == ClickHouseSettings().database:
        clickhouse = clickhouse.model_copy(update={"database": _APART})
    return settings.model_copy(update={"exchanges": chosen, "kafka": kafka, "clickhouse": clickhouse})


def markets(settings: Settings) -> list[tuple[str, str]]:
    """Exchange and market of all that is collected."""
    return [
        (exchange, market)
        for exchange, collected in settings.exchanges.items()
        for market, chosen in collected.items()
        if chosen.enabled
    ]


def environment(settings: Settings, addresses: Addresses, *, gateway_port: int | None) -> Mapping[str, str]:
    """What the parts are told beside the settings they read themselves. ``gateway_port`` None: there is no gateway."""
    exchanges = {
        exchange: {market: chosen.model_dump(mode="json") for market, chosen in collected.items()}
        for exchange, collected in settings.exchanges.items()
    }
    serving = {}
    if gateway_port is not None:
        serving = {"BOOKMILL_GATEWAY__PORT": str(gateway_port), "BOOKMILL_WORKER__BOOK_UPDATES": "true"}
    return {
        **serving,
        "BOOKMILL_EXCHANGES": json.dumps(exchanges),
        "BOOKMILL_KAFKA__BOOTSTRAP_SERVERS": addresses.kafka,
        "BOOKMILL_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "BOOKMILL_REGISTRY__URL": addresses.registry,
        "BOOKMILL_CLICKHOUSE__URL": addresses.clickhouse,
        "BOOKMILL_CLICKHOUSE__DATABASE": settings.clickhouse.database,
    }


def dashboard_address(gateway: GatewaySettings, port: int) -> str:
    """What to open in a browser of this machine."""
    scheme = "https" if gateway.tls_certificate else "http"
    host = "127.0.0.1" if gateway.host in {"0.0.0.0", "::"} else gateway.host  # noqa: S104  compared, not bound
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
