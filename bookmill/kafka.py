"""How our settings read for librdkafka, and whether the broker answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any, TypeVar

import stamina
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from bookmill.errors import UnavailableError
from bookmill.settings import KafkaSettings

__all__ = ["READ_AHEAD", "READ_AHEAD_BYTES", "client_config", "patiently", "require_reachable", "unreachable"]

T = TypeVar("T")

READ_AHEAD_BYTES = 16 * 1024 * 1024
READ_AHEAD: Mapping[str, int] = {
    "queued.max.messages.kbytes": READ_AHEAD_BYTES // 1024,
    # A second by default: much longer than it takes to work off a full queue.
    "fetch.queue.backoff.ms": 20,
    "fetch.max.bytes": 4 * 1024 * 1024,
    "max.partition.fetch.bytes": 1024 * 1024,
}
"""What the library fetches ahead for a consumer, 64 MiB and more by default, stays bounded by this."""


def client_config(settings: KafkaSettings, bootstrap_servers: str) -> dict[str, Any]:
    """Connection settings every librdkafka client starts from; the caller adds what it needs."""
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "client.id": "bookmill",
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2000,
        # Its lines about every lost connection would bury ours; what matters arrives through error callbacks.
        "log_level": 2,
    }
    optional = {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        "ssl.ca.location": str(settings.ca_location) if settings.ca_location else None,
    }
    return config | {name: value for name, value in optional.items() if value is not None}


def require_reachable(settings: KafkaSettings, bootstrap_servers: str, *, timeout_s: float = 10.0) -> None:
    """Raise :class:`UnavailableError`, in one sentence, unless a broker answers within ``timeout_s`` seconds."""
    reasons: list[str] = []

    def remember(error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            reasons.append(error.str())

    admin = AdminClient(client_config(settings, bootstrap_servers) | {"error_cb": remember})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)
        reason = reasons[-1] if reasons else error.args[0].str()
        raise unreachable(bootstrap_servers, reason) from error


def unreachable(bootstrap_servers: str, reason: str) -> UnavailableError:
    """What a part that cannot reach Kafka ends with."""
    return UnavailableError(
        f"Kafka does not answer at {bootstrap_servers}: {reason}.",
        hint="Start it, or set BOOKMILL_KAFKA__BOOTSTRAP_SERVERS to where it is.",
    )


_PATIENCE_S = 30.0
_JUST_STARTED = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


def patiently(ask: Callable[[], T], also: Set[int] | None = frozenset()) -> T:
    """Ask Kafka again, for half a minute, while a broker that has just been started does not lead its partitions or groups yet, or
    answers with one of the error codes ``also`` (None: with any). Raises KafkaException.
    """

    def passes(error: Exception) -> bool:
        return isinstance(error, KafkaException) and (
            also is None or error.args[0].code() in _JUST_STARTED | also
        )

    for attempt in stamina.retry_context(
        passes, attempts=None, timeout=_PATIENCE_S, wait_initial=0.2, wait_max=1.0
    ):
        with attempt:
            return ask()
    raise AssertionError("there is no last attempt")
