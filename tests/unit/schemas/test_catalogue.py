"""The schemas are what they promise: a doc on each field, exact decimals, times in microseconds, ids at the end."""

from __future__ import annotations

from typing import Any

import fastavro
import pytest

from schemas.catalogue import CHECKPOINTS, CONTROL_REQUESTS, EVENT_TOPICS, Topic, dead_letters, raw, subject

AVRO_TOPICS = [*EVENT_TOPICS, CONTROL_REQUESTS]


@pytest.mark.parametrize("topic", AVRO_TOPICS, ids=lambda topic: topic.name)
def test_every_field_has_a_doc(topic: Topic) -> None:
    assert all(field["doc"].endswith((".", "...")) for field in topic.schema["fields"])
    assert fastavro.parse_schema(topic.schema)


@pytest.mark.parametrize("topic", EVENT_TOPICS, ids=lambda topic: topic.name)
def test_events_end_with_their_id(topic: Topic) -> None:
    names = [field["name"] for field in topic.schema["fields"]]
    assert names[:3] == ["exchange", "market", "symbol"]
    assert names[-4:] == ["source_topic", "source_partition", "source_offset", "source_index"]


def leaves(kind: Any) -> list[Any]:
    if isinstance(kind, list):
        return [leaf for branch in kind for leaf in leaves(branch)]
    if isinstance(kind, dict) and kind["type"] == "array":
        return leaves(kind["items"])
    return [kind]


@pytest.mark.parametrize("topic", EVENT_TOPICS, ids=lambda topic: topic.name)
def test_numbers_are_exact_and_times_are_micros(topic: Topic) -> None:
    for field in topic.schema["fields"]:
        for leaf in leaves(field["type"]):
            assert leaf not in ("float", "double")
            if field["name"].endswith("_time"):
                assert leaf == "null" or leaf["logicalType"] == "timestamp-micros"
            if isinstance(leaf, dict) and leaf["type"] == "bytes":
                assert (leaf["logicalType"], leaf["precision"], leaf["scale"]) == ("decimal", 38, 18)


def test_topics_have_the_names_people_rely_on() -> None:
    assert [topic.name for topic in EVENT_TOPICS] == ["trades", "spreads", "book_snapshots"]
    assert raw("binance", "spot").name == "raw.binance.spot"
    assert dead_letters("raw.binance.spot").name == "raw.binance.spot.dlq"
    assert subject("trades") == "trades-value"
    assert CHECKPOINTS.config()["cleanup.policy"] == "compact"
    assert raw("binance", "spot").config()["retention.ms"] == str(24 * 3_600_000)
