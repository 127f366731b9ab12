"""Making the topics that are missing. Every part calls it at start for the topics it touches; it is idempotent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata  # type: ignore[attr-defined]  # they are there, unlisted
from confluent_kafka.cimpl import NewTopic

from bookmill.errors import ConfigurationError, RefusedError, UnavailableError
from bookmill.kafka import client_config, require_reachable
from bookmill.settings import KafkaSettings
from schemas.catalogue import Topic

__all__ = ["ensure_topics", "incarnations"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 90.0
"""A broker that has just started on a busy machine needs long for hundreds of partitions."""
_ATTEMPT_S = 5.0
_DESCRIBE_S = 30.0
_NO_MATTER = (KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.REQUEST_TIMED_OUT)
"""Another part made it; it is being made, which is waited for below."""


def ensure_topics(settings: KafkaSettings, bootstrap_servers: str, topics: Iterable[Topic]) -> None:
    """Create each topic that is missing, with the configured partitions; leave the others as they are.

    Raises :class:`UnavailableError` when no broker answers, :class:`ConfigurationError` when a topic exists with another
    number of partitions than configured (an event stands in its raw record's partition, so the numbers must agree), and
    :class:`RefusedError` when the broker refuses.
    """
    require_reachable(settings, bootstrap_servers)
    admin = AdminClient(client_config(settings, bootstrap_servers))
    wanted = {settings.topic_prefix + topic.name: topic for topic in topics}
    existing = _topics(admin)
    for name in wanted.keys() & existing.keys():
        partitions = len(existing[name].partitions)
        if partitions != settings.partitions:
            raise ConfigurationError(
                f"Topic {name} has {partitions} partitions, kafka.partitions says {settings.partitions}.",
                hint="All topics need the same number: set it to what the topics have, or use another kafka.topic_prefix.",
            )
    missing = [
        NewTopic(
            name,
            num_partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            config=topic.config(),
        )
        for name, topic in wanted.items()
        if name not in existing
    ]
    for name, future in _create(admin, missing).items():
        try:
            future.result(timeout=_TIMEOUT_S)
        except TimeoutError as error:
            raise UnavailableError(f"Kafka did not create topic {name} within {_TIMEOUT_S:.0f} s.") from error
        except KafkaException as error:
            if error.args[0].code() not in _NO_MATTER:
                raise RefusedError(f"Kafka does not create topic {name}: {error.args[0].str()}.") from error
        else:
            _log.info("topic created", topic=name, partitions=settings.partitions)
    _await_leaders(admin, [(name, number) for name in wanted for number in range(settings.partitions)])


def incarnations(settings: KafkaSettings, bootstrap_servers: str, names: Sequence[str]) -> dict[str, str]:
    """Kafka's own id of each topic: one that was deleted and made again has another, and its offsets start anew."""
    admin = AdminClient(client_config(settings, bootstrap_servers))
    try:
        described = admin.describe_topics(TopicCollection(list(names)), request_timeout=_DESCRIBE_S)
        # No time limit of its own: it would be over a moment before the request's, with another error.
        return {name: str(future.result().topic_id) for name, future in described.items()}
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not describe the topics: {error.args[0].str()}.") from error


def _topics(admin: AdminClient) -> Mapping[str, TopicMetadata]:
    try:
        return admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not name its topics: {error.args[0].str()}.") from error


def _create(admin: AdminClient, topics: list[NewTopic]) -> dict[str, Future[None]]:
    return admin.create_topics(topics, operation_timeout=_TIMEOUT_S) if topics else {}


def _await_leaders(admin: AdminClient, partitions: list[tuple[str, int]]) -> None:
    """A topic just made (by us or by a part that starts beside us) has partitions nobody serves yet for a moment."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library's
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        _topics(admin)  # what the client remembers may be from before
        asked = admin.list_offsets(
            {TopicPartition(*each): latest for each in partitions}, request_timeout=_ATTEMPT_S
        )
        failed = [error for error in (future.exception(_TIMEOUT_S) for future in asked.values()) if error]
        if not failed:
            return
        if time.monotonic() > deadline_s:
            raise UnavailableError(f"Kafka does not serve the topics: {failed[0]}.")
        time.sleep(0.1)
