"""Values of event topics read: Confluent's five bytes, then Avro as whoever wrote it had it, into the fields that we know.

Without the logical types: a Decimal or a datetime a field would cost more than all the rest, and our numbers are scaled ints.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from sys import intern
from typing import Any

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient

from bookmill.errors import FrameError
from schemas.catalogue import Topic
from schemas.codec import SCALE
from schemas.fields import Event, fields
from schemas.registry import schema_text

__all__ = ["Decoder"]

_HEADER = struct.Struct(">bI")
_NAMES = frozenset({"exchange", "market", "symbol", "source_topic"})
"""Texts that are the same in thousands of events, which may be kept: one object for all of them."""
_UNREADABLE = (
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    struct.error,
)


@dataclass(frozen=True)
class _Reader:
    """How values of one topic with one schema id are read. ``reader``: None where it is the writer's own schema."""

    writer: Any
    reader: Any
    decimals: tuple[str, ...]
    arrays: tuple[str, ...]
    names: tuple[str, ...]

    def read(self, value: bytes) -> Event:
        event: Any = fastavro.schemaless_reader(
            io.BytesIO(memoryview(value)[_HEADER.size :]), self.writer, self.reader
        )
        whole = int.from_bytes
        for name in self.decimals:
            written = event[name]
            if written is not None:
                event[name] = whole(written, signed=True)
        for name in self.arrays:
            event[name] = [whole(written, signed=True) for written in event[name]]
        for name in self.names:
            event[name] = intern(event[name])
        found: Event = event
        return found


class Decoder:
    """Reads values of any of our topics; schemas are asked of the registry once each.

    ``url``: of the registry, for what is said of it.
    """

    def __init__(self, registry: SchemaRegistryClient, url: str) -> None:
        self._registry = registry
        self._url = url
        self._readers: dict[tuple[str, int], _Reader | FrameError] = {}

    def decode(self, topic: Topic, value: bytes) -> Event:
        """One value. Raises :class:`FrameError` for what is no event of ``topic``, :class:`UnavailableError` when its
        schema is not known yet and the registry does not answer."""
        if len(value) <= _HEADER.size or value[0] != 0:
            raise FrameError(f"Not a value of {topic.name}: no schema id before it.")
        reader = self._reader(topic, int.from_bytes(value[1 : _HEADER.size]))
        try:
            return reader.read(value)
        except _UNREADABLE as error:
            raise FrameError(f"Not a value of {topic.name}: {error}.") from error

    def _reader(self, topic: Topic, schema_id: int) -> _Reader:
        key = (topic.name, schema_id)
        found = self._readers.get(key)
        if found is None:
            text = schema_text(self._registry, self._url, schema_id)
            if text is None:  # not remembered: it may be registered a moment later
                raise FrameError(f"The schema registry knows no schema {schema_id}.")
            try:
                found = _reader(topic, text)
            except FrameError as error:
                found = error
            self._readers[key] = found
        if isinstance(found, FrameError):
            raise found
        return found


def _reader(topic: Topic, text: str) -> _Reader:
    try:
        written = json.loads(text)
        if not isinstance(written, dict) or written.get("name") != topic.schema["name"]:
            raise FrameError(f"Not the schema of a value of {topic.name}.")
        for field in written["fields"]:
            _require_scale(topic, field["name"], field["type"])
        writer = fastavro.parse_schema(_plain(written))
    except (*_UNREADABLE, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        raise FrameError(f"The schema of a value of {topic.name} cannot be read: {error}.") from error
    ours = fastavro.parse_schema(_plain(topic.schema))
    known = fields(topic)
    return _Reader(
        writer,
        None if writer == ours else ours,
        tuple(each.name for each in known if each.kind == "decimal"),
        tuple(each.name for each in known if each.kind == "decimals"),
        tuple(each["name"] for each in topic.schema["fields"] if each["name"] in _NAMES),
    )


def _plain(schema: Any) -> Any:
    """The same schema without logical types and words for people."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if isinstance(schema, dict):
        return {
            name: _plain(value) if name in {"fields", "type", "items", "values"} else value
            for name, value in schema.items()
            if name not in {"logicalType", "precision", "scale", "doc"}
        }
    return schema


def _require_scale(topic: Topic, name: str, kind: Any) -> None:
    """A decimal of another scale would be read as another number: Avro itself does not convert them."""
    if isinstance(kind, list):
        for each in kind:
            _require_scale(topic, name, each)
    elif isinstance(kind, dict):
        if kind.get("logicalType") == "decimal" and kind.get("scale") != SCALE:
            raise FrameError(
                f"{name} of {topic.name} was written with a scale of {kind.get('scale')}, not {SCALE}."
            )
        _require_scale(topic, name, kind.get("items"))
