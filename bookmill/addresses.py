"""Where Kafka, the schema registry and ClickHouse are: as configured, else the running embedded platform."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bookmill.errors import UnavailableError
from bookmill.settings import Settings

__all__ = ["STATE_FILE", "Addresses", "embedded_state", "resolve"]

STATE_FILE = "platform.json"


@dataclass(frozen=True)
class Addresses:
    """``kafka`` as ``host:port[,…]``; ``registry`` and ``clickhouse`` as URLs."""

    kafka: str
    registry: str
    clickhouse: str


def resolve(settings: Settings) -> Addresses:
    """The three addresses; raises :class:`UnavailableError` when one is not configured and no embedded platform runs."""
    configured = (settings.kafka.bootstrap_servers, settings.registry.url, settings.clickhouse.url)
    if all(configured):
        return Addresses(*(address or "" for address in configured))
    state = embedded_state(settings.data_dir)
    if state is None:
        names = ("kafka.bootstrap_servers", "registry.url", "clickhouse.url")
        missing = ", ".join(name for name, address in zip(names, configured) if not address)
        raise UnavailableError(
            f"No address is configured for {missing}, and the embedded platform is not running.",
            hint="Start it with 'bookmill platform start', or set the addresses.",
        )
    return Addresses(
        kafka=configured[0] or state["kafka"],
        registry=configured[1] or state["registry"],
        clickhouse=configured[2] or state["clickhouse"],
    )


def embedded_state(data_dir: Path) -> dict[str, str] | None:
    """What the running embedded platform wrote of itself; None when none runs (a file left by a killed one does not count)."""
    try:
        state: dict[str, str] = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
        os.kill(int(state["pid"]), 0)
    except (FileNotFoundError, ProcessLookupError, json.JSONDecodeError, KeyError, ValueError):
        return None
    except PermissionError:
        pass  # it runs as another user: that it runs is all we ask
    return state
