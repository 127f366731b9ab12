"""Events as people and programs outside get them: what a schema's fields are, and their JSON forms.

``receive_time`` becomes two fields, ``receive_time`` (ISO 8601) and ``receive_time_us``; decimals become texts; the four parts of
an event's id become ``event_id``. History, which comes out of ClickHouse, takes the same forms from :func:`fields`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from bookmill.decimals import plain_text
from gateway.forms import decimal_text, iso
from schemas.catalogue import Topic
from schemas.event_id import event_id

__all__ = ["Event", "Field", "Kind", "event_key", "fields", "present"]

Event = dict[str, Any]
"""One decoded event: decimals are scaled ints, times µs since the epoch, everything else as Avro has it."""

Kind = Literal["decimal", "decimals", "time", "plain"]
"""``decimals``: an array of them; ``plain``: texts, numbers and booleans, as they are."""

_SOURCE = ("source_topic", "source_partition", "source_offset", "source_index")


@dataclass(frozen=True)
class Field:
    """One field of an event; ``optional``: it may be null."""

    name: str
    kind: Kind
    optional: bool


@cache
def fields(topic: Topic) -> tuple[Field, ...]:
    """The fields of a topic's events in the order of the schema, without the parts of the event id."""
    return tuple(_field(each) for each in topic.schema["fields"] if each["name"] not in _SOURCE)


def event_key(event: Event) -> str:
    """``exchange.market.symbol``."""
    return f"{event['exchange']}.{event['market']}.{event['symbol']}"


def present(topic: Topic, event: Event) -> dict[str, Any]:
    """An event in its JSON form."""
    shown: dict[str, Any] = {"instrument": event_key(event)} if "exchange" in event else {}
    for name, kind in _kinds(topic):
        value = event[name]
        if kind == "plain":
            shown[name] = value
        elif kind == "decimal":
            shown[name] = decimal_text(value)
        elif kind == "time":
            shown[name] = None if value is None else iso(value)
            shown[f"{name}_us"] = value
        else:
            shown[name] = [plain_text(each) for each in value]
    if "source_topic" in event:
        shown["event_id"] = event_id(*(event[name] for name in _SOURCE))
    return shown


@cache
def _kinds(topic: Topic) -> tuple[tuple[str, Kind], ...]:
    return tuple((each.name, each.kind) for each in fields(topic))


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
