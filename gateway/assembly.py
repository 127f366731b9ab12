"""The gateway's parts put together: everything that the routes find in their :class:`gateway.context.Context`."""

from __future__ import annotations

from functools import partial

import httpx2
from confluent_kafka import Consumer

from bookmill.addresses import Addresses, resolve
from bookmill.archive import Archive
from bookmill.kafka import READ_AHEAD, client_config
from bookmill.kafka_watch import KafkaWatch
from bookmill.parts import running
from bookmill.settings import Settings
from gateway.admission import Admission
from gateway.alert_rules import AlertRules
from gateway.arrival import Arrivals
from gateway.books import Books
from gateway.context import Context, now_micros
from gateway.control import Control
from gateway.dependencies import Dependencies
from gateway.failures import Failure
from gateway.feed import Feed
from gateway.keys import KeyRing, keys_file
from gateway.live import LiveState
from gateway.measuring import Requests
from gateway.part import GatewayPart
from gateway.parts import Collectors, Parts
from gateway.reading import READ
from gateway.sockets.hub import Hub
from gateway.statuses import status
from gateway.summaries import Summaries
from schemas import admin, registry
from schemas.alert_store import AlertStore
from schemas.catalogue import CONTROL_ALERTS, CONTROL_SUBSCRIPTIONS
from schemas.decoding import Decoder
from schemas.subscriptions import SubscriptionStore, group_of

__all__ = ["create_context", "prepare"]


def prepare(settings: Settings) -> Context:
    """Make sure of the other sides, then put the gateway together. Raises a :class:`BookmillError` where one is not there."""
    addresses = resolve(settings)
    admin.ensure_topics(settings.kafka, addresses.kafka, [look.topic for look in READ])
    schemas = registry.client(settings.registry, addresses.registry)
    ids = registry.register(
        schemas,
        addresses.registry,
        [CONTROL_SUBSCRIPTIONS, CONTROL_ALERTS],
        prefix=settings.kafka.topic_prefix,
    )
    return create_context(
        settings,
        addresses,
        subscriptions_schema_id=ids[CONTROL_SUBSCRIPTIONS],
        alerts_schema_id=ids[CONTROL_ALERTS],
    )


def create_context(
    settings: Settings, addresses: Addresses, *, subscriptions_schema_id: int, alerts_schema_id: int
) -> Context:
    """Put the gateway together. Nothing is asked of anybody before it is started."""
    prefix = settings.kafka.topic_prefix
    gateway = settings.gateway
    live = LiveState(recent_trades=gateway.recent_trades)
    watch = KafkaWatch()
    failure = Failure()
    feed = Feed(
        lambda: Consumer(_consumer_config(settings, addresses, watch)),
        READ,
        Arrivals(
            {prefix + look.topic.name: look.topic for look in READ},
            Decoder(registry.client(settings.registry, addresses.registry), addresses.registry),
        ),
        live,
        prefix=prefix,
        watch=watch,
        failed=failure.note,
    )
    archive = Archive(settings.clickhouse, addresses.clickhouse, timeout_s=gateway.query_timeout_s)
    client = httpx2.AsyncClient()
    part = GatewayPart(feed, live, Requests(), log_interval_s=settings.status.log_interval_s)
    books = Books()
    live.observers.append(books.take)
    hub = Hub(gateway, live, books, now_micros, failure.note)
    part.gauges |= {"clients": lambda: hub.clients, "subscriptions": lambda: hub.subscriptions}
    part.buffers.append(hub.buffers)
    dependencies = Dependencies(feed, archive, settings.registry, addresses.registry, client)
    parts = Parts(lambda: [*gateway.parts, *running(settings.data_dir)], client)
    store = SubscriptionStore(settings.kafka, addresses.kafka, subscriptions_schema_id)
    collectors = Collectors(store, group_of(settings.kafka, settings.producer.group), live.subscriptions)
    admission = Admission(gateway, KeyRing(keys_file(settings)))
    control = Control(store, collectors, parts, live, clock=now_micros)
    alert_rules = AlertRules(AlertStore(settings.kafka, addresses.kafka, alerts_schema_id), live)
    part.buffers += [
        lambda: admission.buffers,
        lambda: (archive.buffer, control.buffer, alert_rules.buffer),
    ]
    context = Context(
        settings=settings,
        addresses=addresses,
        archive=archive,
        live=live,
        books=books,
        hub=hub,
        feed=feed,
        part=part,
        dependencies=dependencies,
        parts=parts,
        store=store,
        collectors=collectors,
        failure=failure,
        admission=admission,
        summaries=Summaries(archive),
        control=control,
        alert_rules=alert_rules,
        entered=[archive, client, hub, feed, part],
    )
    hub.status = partial(status, context)
    return context


def _consumer_config(settings: Settings, addresses: Addresses, watch: KafkaWatch) -> dict[str, object]:
    return {
        **client_config(settings.kafka, addresses.kafka),
        "group.id": f"{settings.kafka.topic_prefix}bookmill-gateway",  # asked for by the library; never joined
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # For a partition whose records were deleted, or that was made anew.
        "auto.offset.reset": "earliest",
        **watch.config,
        **READ_AHEAD,
        "queued.min.messages": 10_000,
        "fetch.wait.max.ms": 100,
    }
