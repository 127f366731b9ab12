"""Running a watcher as one process."""

from __future__ import annotations

from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas.catalogue import CONTROL_ALERTS
from streams.running import serve
from streams.watcher.application import create_app, prepare
from streams.watcher.rules import RuleFollower

__all__ = ["run"]


def run(settings: Settings) -> None:
    """Watch until SIGINT or SIGTERM; returns then. Raises a :class:`BookmillError` when it cannot start, or cannot go on."""
    prepared = prepare(settings)
    config = client_config(settings.kafka, prepared.addresses.kafka)
    with RuleFollower(config, settings.kafka.topic_prefix + CONTROL_ALERTS.name) as rules:
        serve(lambda: create_app(prepared, rules), settings)
