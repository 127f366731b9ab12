"""The Faust application: one agent over all raw topics, a clock beside it, and what a worker says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import faust
import structlog
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from bookmill.addresses import Addresses, resolve
from bookmill.errors import ConfigurationError
from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas import registry
from schemas.admin import ensure_topics, incarnations
from schemas.catalogue import (
    BOOK_UPDATES,
    CHECKPOINTS,
    CONTROL_REQUESTS,
    EVENT_TOPICS,
    Topic,
    dead_letters,
    raw,
)
from streams.faust_app import PartApp, app_options
from streams.mill import Mill
from streams.output import Output
from streams.statistics import WorkerPart
from streams.transport import BatchSchema, Consumer, fetched
from venues.interface import Venue
from venues.registry import venue

__all__ = ["Prepared", "WorkerApp", "create_app", "prepare"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.1
_FINISH_S = 15.0


@dataclass(frozen=True)
class Prepared:
    """What has to be there before a worker starts: topics made, schemas registered. ``venues`` and ``incarnations`` by raw topic."""

    settings: Settings
    addresses: Addresses
    venues: Mapping[str, Venue]
    schema_ids: Mapping[Topic, int]
    incarnations: Mapping[str, str]


def prepare(settings: Settings) -> Prepared:
    """Make what a worker needs; raises a :class:`BookmillError` that says what is missing."""
    venues = {
        raw(exchange, market).name: venue(exchange, market, chosen=chosen)
        for exchange, markets in settings.exchanges.items()
        for market, chosen in markets.items()
        if chosen.enabled
    }
    if not venues:
        raise ConfigurationError(
            "No market is enabled.", hint="Enable one under 'exchanges' in the settings."
        )
    addresses = resolve(settings)
    raws = [raw(one.exchange, one.market) for one in venues.values()]
    events = (*EVENT_TOPICS, BOOK_UPDATES) if settings.worker.book_updates else EVENT_TOPICS
    topics = [
        *raws,
        *(dead_letters(topic.name) for topic in raws),
        *events,
        CONTROL_REQUESTS,
        CHECKPOINTS,
    ]
    ensure_topics(settings.kafka, addresses.kafka, topics)
    prefix = settings.kafka.topic_prefix
    client = registry.client(settings.registry, addresses.registry)
    schema_ids = registry.register(client, addresses.registry, [*events, CONTROL_REQUESTS], prefix=prefix)
    named = {prefix + name: one for name, one in venues.items()}
    return Prepared(
        settings, addresses, named, schema_ids, incarnations(settings.kafka, addresses.kafka, list(named))
    )


class WorkerApp(PartApp):
    """A Faust application with its mill."""

    mill: Mill


def create_app(prepared: Prepared) -> WorkerApp:
    """The application, ready to be run by a Faust worker."""
    settings = prepared.settings
    worker, kafka = settings.worker, settings.kafka
    config = client_config(kafka, prepared.addresses.kafka)
    app = WorkerApp(
        kafka.topic_prefix + worker.group,
        **app_options(
            settings,
            prepared.addresses,
            poll_records=worker.poll_records,
            session_timeout_s=worker.session_timeout_s,
            instance_id=worker.instance_id,
        ),
    )
    app.mill = mill = Mill(
        worker,
        prefix=kafka.topic_prefix,
        venues=prepared.venues,
        schema_ids=prepared.schema_ids,
        output=Output(config),
        client_config=config,
        incarnations=prepared.incarnations,
    )
    app.part = WorkerPart(mill, lambda: fetched(app))
    raws = app.topic(*prepared.venues, schema=BatchSchema(), acks=False)

    @app.agent(raws, name="mill", supervisor_strategy=CrashingSupervisor)
    async def process(stream: Any) -> None:
        async for event in stream.events():
            tp = event.message.tp
            await asyncio.sleep(0)  # lets the consumer ask for what comes after the batches that wait here
            await mill.process(tp, event.value, app.consumer.highwater(tp) or 0)

    @app.task  # type: ignore[untyped-decorator]  # the library's
    async def clock() -> None:
        while not app.should_stop:
            await _commit(app, mill, await mill.tick())
            await asyncio.sleep(_TICK_S)

    @app.on_partitions_revoked.connect
    async def hand_over(*_: Any, **__: Any) -> None:
        await _commit(app, mill, await mill.finish(_FINISH_S))

    @app.on_partitions_assigned.connect
    async def take_over(_: Any, /, *arguments: Any, **__: Any) -> None:
        mill.own(arguments[0])
        _log.info("partitions assigned", count=mill.assigned)

    @app.on_before_shutdown.connect
    async def leave(*_: Any, **__: Any) -> None:
        await _commit(app, mill, await mill.finish(_FINISH_S))

    return app


async def _commit(app: faust.App, mill: Mill, commits: Mapping[TP, tuple[int, str]]) -> None:
    if commits and await cast("Consumer", app.consumer).commit_raw(commits):
        mill.committed(commits)
