"""Values that anybody's Avro library has written are read as they were, and garbage is said to be garbage."""

from __future__ import annotations

import copy
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError, UnavailableError
from schemas.catalogue import CONTROL_SUBSCRIPTIONS, TABLE_TOPICS, TRADES, Topic
from schemas.decoding import Decoder

TOPICS = (*TABLE_TOPICS, CONTROL_SUBSCRIPTIONS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCALED = st.integers(-(10**38) + 1, 10**38 - 1)
MICROS = st.integers(0, 4_000_000_000_000_000)
PLAIN = {
    "string": st.text(max_size=20),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
}


class Registry:
    """Knows schemas by id."""

    def __init__(self, **texts: str) -> None:
        self.texts = {int(name.removeprefix("n")): text for name, text in texts.items()}
        self.asked = 0

    def get_schema(self, number: int) -> Schema:
        self.asked += 1
        if number not in self.texts:
            raise OSError("nobody is there")
        return Schema(self.texts[number], "AVRO")


@cache
def decoder(text: str) -> Decoder:
    """One whose registry has this schema under the number 1."""
    return Decoder(Registry(n1=text), "http://registry")  # type: ignore[arg-type]


def values(kind: Any) -> st.SearchStrategy[Any]:
    """What the decoder gives for a type: scaled ints, µs."""
    if isinstance(kind, list):
        return st.one_of([st.none() if each == "null" else values(each) for each in kind])
    if isinstance(kind, str):
        return PLAIN[kind]
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    if kind["type"] == "array":
        return st.lists(values(kind["items"]), max_size=4)
    return {"decimal": SCALED, "timestamp-micros": MICROS}[kind["logicalType"]]


def as_others_have_it(kind: Any, value: Any) -> Any:
    """The same value as fastavro takes it with logical types."""
    if value is None:
        return None
    if isinstance(kind, list):
        return as_others_have_it(next(each for each in kind if each != "null"), value)
    if isinstance(kind, dict):
        if kind.get("logicalType") == "decimal":
            return Decimal((value < 0, tuple(map(int, str(abs(value)))), -18))
        if kind.get("logicalType") == "timestamp-micros":
            return EPOCH + timedelta(microseconds=value)
        if kind["type"] == "array":
            return [as_others_have_it(kind["items"], each) for each in value]
    return value


@cache
def parsed(text: str) -> Any:
    return fastavro.parse_schema(json.loads(text))


def written(schema: dict[str, Any], event: dict[str, Any], number: int = 1) -> bytes:
    out = io.BytesIO()
    out.write(b"\x00" + number.to_bytes(4))
    record = {each["name"]: as_others_have_it(each["type"], event[each["name"]]) for each in schema["fields"]}
    fastavro.schemaless_writer(out, parsed(json.dumps(schema)), record)
    return out.getvalue()


def events(topic: Topic) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({each["name"]: values(each["type"]) for each in topic.schema["fields"]})


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@given(data=st.data())
def test_every_value_is_read_as_it_was_written(topic: Topic, data: st.DataObject) -> None:
    event = data.draw(events(topic))
    assert decoder(topic.schema_text).decode(topic, written(topic.schema, event)) == event


@given(events(TRADES), st.text(max_size=5))
def test_a_later_version_is_read_with_the_fields_that_we_know(event: dict[str, Any], more: str) -> None:
    later = copy.deepcopy(TRADES.schema)
    later["fields"].insert(2, {"name": "venue_note", "type": "string", "default": ""})
    value = written(later, {**event, "venue_note": more})
    assert decoder(json.dumps(later)).decode(TRADES, value) == event


@given(events(TRADES))
def test_an_earlier_version_is_read_with_the_defaults_of_ours(event: dict[str, Any]) -> None:
    earlier = copy.deepcopy(TRADES.schema)
    earlier["fields"] = [each for each in earlier["fields"] if each["name"] != "contracts"]
    value = written(earlier, event)
    assert decoder(json.dumps(earlier)).decode(TRADES, value) == {**event, "contracts": None}


@given(st.binary(max_size=60))
def test_garbage_is_a_frame_error_or_an_event(garbage: bytes) -> None:
    reader = decoder(TRADES.schema_text)
    for value in (garbage, b"\x00\x00\x00\x00\x01" + garbage):
        try:
            found = reader.decode(TRADES, value)
        except (FrameError, UnavailableError):
            continue
        assert found.keys() == {each["name"] for each in TRADES.schema["fields"]}


@pytest.mark.parametrize(
    "text",
    [
        "no schema",
        '"string"',
        TOPICS[1].schema_text,
        TRADES.schema_text.replace('"scale": 18', '"scale": 8'),
        '{"type": "record", "name": "Trade", "fields": [{"name": "x", "type": "nothing"}]}',
    ],
)
def test_a_schema_that_is_none_of_the_topics_is_refused(text: str) -> None:
    assert text != TRADES.schema_text
    reader = decoder(text)
    for _ in range(2):
        with pytest.raises(FrameError):
            reader.decode(TRADES, b"\x00\x00\x00\x00\x01abc")


def test_a_registry_that_does_not_answer_is_asked_again() -> None:
    registry = Registry()
    reader = Decoder(registry, "http://registry")  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(UnavailableError):
            reader.decode(TRADES, b"\x00\x00\x00\x00\x01abc")
    assert registry.asked == 2
