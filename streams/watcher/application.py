"""The watcher's Faust application: agents over what workers write, over ``tops``, the consolidated book and alerts, and a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from bookmill.addresses import Addresses, resolve
from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas import registry
from schemas.admin import ensure_topics, incarnations
from schemas.catalogue import (
    ALERTS,
    CHECKPOINTS_ALERTS,
    CONSOLIDATED,
    CONTROL_ALERTS,
    TOPS,
    Topic,
)
from schemas.decoding import Decoder
from streams.faust_app import PartApp, app_options
from streams.output import Output
from streams.transport import BatchSchema, Consumer, fetched
from streams.watcher.inputs import Tools
from streams.watcher.part import WatcherPart
from streams.watcher.restoring import begin
from streams.watcher.rules import RuleFollower
from streams.watcher.watch import EVENTS, INPUTS, JUDGED, Watch

__all__ = ["Prepared", "WatcherApp", "create_app", "prepare"]

_log = structlog.get_logger(__name__)
_TICK_S = 0.1
_FINISH_S = 15.0


@dataclass(frozen=True)
class Prepared:
    """What has to be there before a watcher starts: topics made, schemas registered, the group's beginning said."""

    settings: Settings
    addresses: Addresses
    group: str
    schema_ids: Mapping[Topic, int]
    decoder: Decoder
    incarnations: Mapping[str, str]


def prepare(settings: Settings) -> Prepared:
    """Make what a watcher needs; raises a :class:`BookmillError` that says what is missing."""
    addresses, kafka = resolve(settings), settings.kafka
    ensure_topics(kafka, addresses.kafka, [*INPUTS, CHECKPOINTS_ALERTS, CONTROL_ALERTS])
    prefix = kafka.topic_prefix
    client = registry.client(settings.registry, addresses.registry)
    written = [TOPS, CONSOLIDATED, ALERTS]
    schema_ids = registry.register(client, addresses.registry, written, prefix=prefix)
    group = prefix + settings.watcher.group
    begin(
        client_config(kafka, addresses.kafka),
        group,
        [prefix + topic.name for topic in INPUTS],
        at_end=[prefix + TOPS.name],
        begin_s=settings.watcher.begin_s,
    )
    return Prepared(
        settings,
        addresses,
        group,
        schema_ids,
        Decoder(client, addresses.registry),
        incarnations(kafka, addresses.kafka, [prefix + topic.name for topic in JUDGED]),
    )


class WatcherApp(PartApp):
    """A Faust application with its watch."""

    watch: Watch
    fetch_wait_ms = 50


def create_app(prepared: Prepared, rules: RuleFollower) -> WatcherApp:
    """The application, ready to be run by a Faust worker. ``rules``: entered, and left when it has ended."""
    settings, prefix = prepared.settings, prepared.settings.kafka.topic_prefix
    watcher = settings.watcher
    config = client_config(settings.kafka, prepared.addresses.kafka)
    app = WatcherApp(
        prepared.group,
        **app_options(
            settings,
            prepared.addresses,
            poll_records=watcher.poll_records,
            session_timeout_s=watcher.session_timeout_s,
            instance_id=watcher.instance_id,
        ),
    )
    app.watch = watch = Watch(
        settings,
        Tools(prefix, prepared.schema_ids, prepared.decoder),
        group=prepared.group,
        output=Output(config),
        client_config=config,
        incarnations=prepared.incarnations,
        rules=lambda: rules.now,
    )
    app.part = WatcherPart(watch, rules, lambda: fetched(app))
    for name, topics in (
        ("events", EVENTS),
        ("tops", (TOPS,)),
        ("consolidated", (CONSOLIDATED,)),
        ("alerts", (ALERTS,)),
    ):
        channel = app.topic(*(prefix + topic.name for topic in topics), schema=BatchSchema(), acks=False)
        app.agent(channel, name=name, supervisor_strategy=CrashingSupervisor)(_processing(app, watch))

    @app.task  # type: ignore[untyped-decorator]  # the library's
    async def clock() -> None:
        watch.posts.start()
        while not app.should_stop:
            await _commit(app, watch, await watch.tick())
            await asyncio.sleep(_TICK_S)

    @app.on_partitions_revoked.connect
    async def hand_over(*_: Any, **__: Any) -> None:
        await _commit(app, watch, await watch.finish(_FINISH_S))

    @app.on_partitions_assigned.connect
    async def take_over(_: Any, /, *arguments: Any, **__: Any) -> None:
        watch.own(arguments[0])
        _log.info("partitions assigned", count=len(watch.assigned))

    @app.on_before_shutdown.connect
    async def leave(*_: Any, **__: Any) -> None:
        await watch.posts.stop()
        await _commit(app, watch, await watch.finish(_FINISH_S))

    return app


def _processing(app: WatcherApp, watch: Watch) -> Callable[[Any], Any]:
    async def process(stream: Any) -> None:
        async for event in stream.events():
            tp = event.message.tp
            await asyncio.sleep(0)  # lets the consumer ask for what comes after the batches that wait here
            await watch.process(tp, event.value, app.consumer.highwater(tp) or 0)

    return process


async def _commit(app: WatcherApp, watch: Watch, commits: Mapping[TP, tuple[int, str]]) -> None:
    if commits and await cast("Consumer", app.consumer).commit_raw(commits):
        watch.committed(commits)
