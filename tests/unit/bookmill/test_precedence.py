"""Who gives way: everything that the demo and the platform start, but the gateway; nobody where it is switched off."""

from __future__ import annotations

from bookmill.demo import running
from bookmill.precedence import gives_way
from bookmill.settings import PlatformSettings
from embedded.clickhouse.part import ClickHouse
from embedded.kafka import Kafka
from embedded.registry import Registry

PARTS = {"exchange", *running._MILL, *running._SERVING, Kafka.key, Registry.key, ClickHouse.key}
ON_THE_WAY = {"kafka", "registry", "producer", "worker"}


def test_all_parts_but_the_gateway_give_way_those_an_event_comes_through_less_than_the_others() -> None:
    found = {name: gives_way(name, PlatformSettings()) for name in PARTS}
    assert {name for name, by in found.items() if not by} == {"gateway"}
    assert all(0 < by <= 19 for name, by in found.items() if name != "gateway")
    others = PARTS - ON_THE_WAY - {"gateway"}
    assert max(found[name] for name in ON_THE_WAY) < min(found[name] for name in others)


def test_it_can_be_switched_off() -> None:
    assert not any(gives_way(name, PlatformSettings(gateway_first=False)) for name in PARTS)
