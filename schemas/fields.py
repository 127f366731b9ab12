"""What the fields of our events are: decimals, times, or as Avro has them. Whoever reads values or shows them asks here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from schemas.catalogue import Topic

__all__ = ["SOURCE", "Event", "Field", "Kind", "fields"]

Event = dict[str, Any]
"""One decoded event: decimals are scaled ints, times µs since the epoch, everything else as Avro has it."""

Kind = Literal["decimal", "decimals", "time", "plain"]
"""``decimals``: an array of them; ``plain``: texts, numbers and booleans, as they are."""

SOURCE = ("source_topic", "source_partition", "source_offset", "source_index")
"""The parts of an event's id, in order."""


@dataclass(frozen=True)
class Field:
    """One field of an event; ``optional``: it may be null."""

    name: str
    kind: Kind
    optional: bool


@cache
def fields(topic: Topic) -> tuple[Field, ...]:
    """The fields of a topic's events in the order of the schema, without the parts of the event id."""
    return tuple(_field(each) for each in topic.schema["fields"] if each["name"] not in SOURCE)


def _field(described: dict[str, Any]) -> Field:
    kind = described["type"]
    optional = isinstance(kind, list)
    if optional:
        kind = next(each for each in kind if each != "null")
    logical = kind.get("logicalType") if isinstance(kind, dict) else None
    name = described["name"]
    if logical == "decimal":
        return Field(name, "decimal", optional)
    if logical == "timestamp-micros":
        return Field(name, "time", optional)
    if isinstance(kind, dict) and kind["type"] == "array" and isinstance(kind["items"], dict):
        return Field(name, "decimals" if kind["items"].get("logicalType") == "decimal" else "plain", optional)
    return Field(name, "plain", optional)
