"""The schema registry: our schemas are registered at start under full transitive compatibility, and their ids learned."""

from __future__ import annotations

import time
from collections.abc import Iterable
from http import HTTPStatus

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from bookmill.errors import RefusedError, UnavailableError
from bookmill.settings import RegistrySettings
from schemas.catalogue import Topic, subject

__all__ = ["COMPATIBILITY", "client", "register", "schema_text"]

COMPATIBILITY = "FULL_TRANSITIVE"
_TIMEOUT_S = 10
_TRIES = 5
_PAUSE_S = 0.2


def client(settings: RegistrySettings, url: str) -> SchemaRegistryClient:
    """The ordinary Confluent client for the configured registry."""
    # Without a timeout an answer that is lost is waited for for ever; with one the request is repeated.
    config: dict[str, str | int] = {"url": url, "timeout": _TIMEOUT_S}
    if settings.username:
        password = settings.password.get_secret_value() if settings.password else ""
        config["basic.auth.user.info"] = f"{settings.username}:{password}"
    return SchemaRegistryClient(config)


def register(
    registry: SchemaRegistryClient, url: str, topics: Iterable[Topic], *, prefix: str = ""
) -> dict[Topic, int]:
    """Register each topic's schema and return its id (it stands in the first five bytes of every value).

    The compatibility is set and read back first, so that no later version can be registered that breaks a reader.
    Raises :class:`UnavailableError` when the registry does not answer, :class:`RefusedError` when it says no.
    """
    try:
        return {topic: _register_one(registry, prefix + topic.name, topic) for topic in topics}
    except (httpx2.HTTPError, OSError) as error:
        raise UnavailableError(
            f"The schema registry does not answer at {url}: {error}.",
            hint="Start it, or set BOOKMILL_REGISTRY__URL to where it is.",
        ) from error
    except SchemaRegistryError as error:
        if error.http_status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise UnavailableError(f"The schema registry at {url} fails: {error}.") from error
        raise RefusedError(f"The schema registry at {url} refuses: {error}.") from error


def _register_one(registry: SchemaRegistryClient, name: str, topic: Topic) -> int:
    found = None
    for _ in range(_TRIES):
        try:
            registry.set_compatibility(subject(name), COMPATIBILITY)
        except SchemaRegistryError as error:
            # A part that starts beside us sets it at this moment; reading it back says how that went.
            if error.http_status_code != httpx2.codes.CONFLICT:
                raise
        found = registry.get_compatibility(subject(name))
        if found == COMPATIBILITY:
            return int(registry.register_schema(subject(name), Schema(topic.schema_text, "AVRO")))
        time.sleep(_PAUSE_S)
    raise RefusedError(
        f"The schema registry keeps compatibility {found} for {subject(name)} instead of {COMPATIBILITY}."
    )


def schema_text(registry: SchemaRegistryClient, url: str, schema_id: int) -> str | None:
    """The schema of an id, as it was registered; None where the registry knows no such id (yet).

    Raises :class:`UnavailableError` when it does not answer, :class:`RefusedError` when it lets nobody in.
    """
    try:
        return registry.get_schema(schema_id).schema_str
    except SchemaRegistryError as error:
        if error.http_status_code == HTTPStatus.NOT_FOUND:
            return None
        if error.http_status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise RefusedError(f"The schema registry at {url} refuses: {error}.") from error
        raise UnavailableError(f"The schema registry at {url} fails: {error}.") from error
    except (httpx2.HTTPError, OSError) as error:
        raise UnavailableError(f"The schema registry does not answer at {url}: {error}.") from error
