"""The Faust application: one agent over all raw topics, a clock beside it, and what a worker says of itself."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from bookmill.addresses import Addresses, resolve
from bookmill.errors import ConfigurationError, RefusedError
from bookmill.kafka import client_config
from bookmill.settings import KafkaSettings, Settings
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
from streams.mill import Mill
from streams.output import Output
from streams.statistics import WorkerPart
from streams.transport import BatchSchema, Consumer
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


class WorkerApp(faust.App):
    """A Faust application with its mill, and what the worker says of itself."""

    logger = logging.getLogger("faust.app")
    mill: Mill
    part: WorkerPart
    refused: RefusedError | None = None
    """Why it has stopped of its own accord."""


def create_app(prepared: Prepared) -> WorkerApp:
    """The application, ready to be run by a Faust worker."""
    settings = prepared.settings
    worker, kafka = settings.worker, settings.kafka
    config = client_config(kafka, prepared.addresses.kafka)
    app = WorkerApp(
        kafka.topic_prefix + worker.group,
        broker=";".join(f"bookmill://{server}" for server in prepared.addresses.kafka.split(",")),
        broker_credentials=_credentials(kafka),
        autodiscover=False,
        web_enabled=False,  # every part answers on its status port
        topic_disable_leader=True,
        topic_allow_declare=False,  # the catalogue makes the topics
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=worker.poll_records,
        consumer_max_fetch_size=1024 * 1024,
        stream_buffer_maxsize=2,  # it counts batches
        consumer_group_instance_id=worker.instance_id,  # with one, leaving is not told to the group
        broker_session_timeout=worker.session_timeout_s,
        broker_request_timeout=max(90.0, 2 * worker.session_timeout_s),  # Faust wants it to be the longer one
        # A rebalance is heard of by heartbeat, however long a session may last.
        broker_heartbeat_interval=min(3.0, worker.session_timeout_s / 4),
        broker_commit_interval=3600.0,  # the worker commits, not Faust
        table_standby_replicas=1,
        datadir=str(_faust_folder(settings)),
        worker_redirect_stdouts=False,
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
    app.part = WorkerPart(mill, lambda: cast("Consumer", app.consumer).fetched)
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


def _faust_folder(settings: Settings) -> Path:
    """Faust wants a folder even where it has no tables to keep there, and makes only the last part of its path."""
    folder = settings.data_dir / "faust"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {settings.data_dir} cannot be used: {error.strerror}.",
            hint="Set BOOKMILL_DATA_DIR to one that can be written.",
        ) from error
    return folder


async def _commit(app: faust.App, mill: Mill, commits: Mapping[TP, tuple[int, str]]) -> None:
    if commits and await cast("Consumer", app.consumer).commit_raw(commits):
        mill.committed(commits)


def _credentials(kafka: KafkaSettings) -> Any:
    """Faust's form of the security settings; None for plain text."""
    context = None
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=str(kafka.ca_location) if kafka.ca_location else None)
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value() if kafka.sasl_password else None,
            mechanism=kafka.sasl_mechanism or "PLAIN",
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
