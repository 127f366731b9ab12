"""What the schema id in front of each value stands for: asked of the registry once, then remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from confluent_kafka.schema_registry import SchemaRegistryClient

from bookmill.errors import FrameError
from schemas.catalogue import Topic
from schemas.registry import schema_text
from sinks.container import Container

__all__ = ["WriterSchema", "WriterSchemas"]


@dataclass(frozen=True)
class WriterSchema:
    """One version of a topic's schema. ``columns``: those of its fields that the table has."""

    text: str
    columns: tuple[str, ...]

    @cached_property
    def container(self) -> Container:
        """Makes containers of this schema's datums."""
        return Container(self.text)


class WriterSchemas:
    """The registry's schemas by id, for the topics of one sink."""

    def __init__(self, registry: SchemaRegistryClient, url: str) -> None:
        self._registry = registry
        self._url = url
        self._known: dict[tuple[str, int], WriterSchema | FrameError] = {}

    def get(self, topic: Topic, schema_id: int) -> WriterSchema:
        """The schema that values of ``topic`` with ``schema_id`` were written with.

        Raises :class:`FrameError` for an id that is unknown or whose records are no events of this topic,
        :class:`UnavailableError` when the registry does not answer.
        """
        key = (topic.name, schema_id)
        found = self._known.get(key)
        if found is None:
            text = schema_text(self._registry, self._url, schema_id)
            if text is None:  # not remembered: it may be registered a moment later
                raise FrameError(f"The schema registry knows no schema {schema_id}.")
            found = self._known[key] = _fit(topic, schema_id, text)
        if isinstance(found, FrameError):
            raise found
        return found


def _fit(topic: Topic, schema_id: int, text: str) -> WriterSchema | FrameError:
    """Columns are named as the fields. A later version may have more of them (the table has no place for those yet);
    one that lacks a field without a default is no version of this schema: compatibility forbids it."""
    try:
        written = [field["name"] for field in json.loads(text)["fields"]]
    except (ValueError, KeyError, TypeError):
        return FrameError(f"Schema {schema_id} is not an Avro record.")
    missing = [
        field["name"]
        for field in topic.schema["fields"]
        if "default" not in field and field["name"] not in written
    ]
    if missing:
        return FrameError(f"Schema {schema_id} is not one of {topic.name}: it has no field {missing[0]}.")
    columns = {field["name"] for field in topic.schema["fields"]}
    return WriterSchema(text, tuple(name for name in written if name in columns))
