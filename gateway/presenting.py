"""Events as people and programs outside get them: in JSON.

``receive_time`` becomes two fields, ``receive_time`` (ISO 8601) and ``receive_time_us``; decimals become texts; the four parts of
an event's id become ``event_id``. History, which comes out of ClickHouse, takes the same forms from :func:`schemas.fields.fields`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bookmill.decimals import plain_text
from bookmill.times import iso
from gateway.forms import decimal_text
from schemas.catalogue import Topic
from schemas.event_id import event_id
from schemas.fields import SOURCE, Event, Kind, fields

__all__ = ["event_key", "present"]


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
        shown["event_id"] = event_id(*(event[name] for name in SOURCE))
    return shown


@cache
def _kinds(topic: Topic) -> tuple[tuple[str, Kind], ...]:
    return tuple((each.name, each.kind) for each in fields(topic))
