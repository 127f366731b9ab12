"""The schemas are what they promise: a doc on each field, exact decimals, times in microseconds, ids at the end."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from bookmill.settings import SinkSettings
from schemas.catalogue import (
    ALERTS,
    BOOK_UPDATES,
    CHECKPOINTS,
    CONSOLIDATED,
    CONTROL_ALERTS,
    CONTROL_REQUESTS,
    CONTROL_SUBSCRIPTIONS,
    EVENT_TOPICS,
    INSTRUMENTS,
    TABLE_TOPICS,
    TOPS,
    TRADES,
    Topic,
    dead_letters,
    raw,
    subject,
)

AVRO_TOPICS = [*TABLE_TOPICS, BOOK_UPDATES, TOPS, CONTROL_REQUESTS, CONTROL_SUBSCRIPTIONS, CONTROL_ALERTS]


@pytest.mark.parametrize("topic", AVRO_TOPICS, ids=lambda topic: topic.name)
def test_every_field_has_a_doc(topic: Topic) -> None:
    assert all(field["doc"].endswith((".", "...")) for field in topic.schema["fields"])
    assert fastavro.parse_schema(topic.schema)


@pytest.mark.parametrize("topic", [*EVENT_TOPICS, BOOK_UPDATES], ids=lambda topic: topic.name)
def test_events_end_with_their_id(topic: Topic) -> None:
    names = [field["name"] for field in topic.schema["fields"]]
    assert names[:3] == ["exchange", "market", "symbol"]
    assert names[-4:] == ["source_topic", "source_partition", "source_offset", "source_index"]


@pytest.mark.parametrize("topic", [CONSOLIDATED, ALERTS], ids=lambda topic: topic.name)
def test_what_watchers_write_ends_with_its_id_too(topic: Topic) -> None:
    assert topic.event_ids
    names = [field["name"] for field in topic.schema["fields"]]
    assert names[-4:] == ["source_topic", "source_partition", "source_offset", "source_index"]


def leaves(kind: Any) -> list[Any]:
    if isinstance(kind, list):
        return [leaf for branch in kind for leaf in leaves(branch)]
    if isinstance(kind, dict) and kind["type"] == "array":
        return leaves(kind["items"])
    return [kind]


@pytest.mark.parametrize("topic", TABLE_TOPICS, ids=lambda topic: topic.name)
def test_numbers_are_exact_and_times_are_micros(topic: Topic) -> None:
    for field in topic.schema["fields"]:
        for leaf in leaves(field["type"]):
            assert leaf not in ("float", "double")
            if field["name"].endswith("_time"):
                assert leaf == "null" or leaf["logicalType"] == "timestamp-micros"
            if isinstance(leaf, dict) and leaf["type"] == "bytes":
                assert (leaf["logicalType"], leaf["precision"], leaf["scale"]) == ("decimal", 38, 18)


def test_topics_have_the_names_people_rely_on() -> None:
    assert [topic.name for topic in EVENT_TOPICS] == [
        "trades",
        "spreads",
        "book_snapshots",
        "tickers",
        "klines",
        "derivatives",
        "liquidations",
        "gaps",
    ]
    assert INSTRUMENTS.name == "instruments"
    assert raw("binance", "spot").name == "raw.binance.spot"
    assert dead_letters("raw.binance.spot").name == "raw.binance.spot.dlq"
    assert subject("trades") == "trades-value"
    assert CHECKPOINTS.config()["cleanup.policy"] == "compact"
    assert CONTROL_SUBSCRIPTIONS.name == "control.subscriptions"
    assert CONTROL_SUBSCRIPTIONS.config()["cleanup.policy"] == "compact"
    assert raw("binance", "spot").config()["retention.ms"] == str(24 * 3_600_000)


def test_the_history_of_instruments_is_there_for_a_week_and_their_last_state_for_ever() -> None:
    config = INSTRUMENTS.config()
    assert config["cleanup.policy"] == "compact"
    assert config["min.compaction.lag.ms"] == str(7 * 24 * 3_600_000)
    assert "retention.ms" not in config


def test_a_sink_loads_all_there_is_unless_told_otherwise() -> None:
    assert SinkSettings().topics == tuple(topic.name for topic in TABLE_TOPICS)


def test_trades_without_contracts_are_still_trades() -> None:
    [field] = [field for field in TRADES.schema["fields"] if field["name"] == "contracts"]
    assert field["default"] is None
    older = {
        **TRADES.schema,
        "fields": [each for each in TRADES.schema["fields"] if each["name"] != "contracts"],
    }
    event: dict[str, Any] = {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "source": "ws",
        "trade_id": "1",
        "price": Decimal(1),
        "quantity": Decimal(2),
        "side": "BUY",
        "aggregated": False,
        "exchange_time": None,
        "receive_time": datetime(2024, 8, 8, tzinfo=UTC),
        "source_topic": "raw.binance.spot",
        "source_partition": 0,
        "source_offset": 1,
        "source_index": 0,
    }
    for writer, reader, value in (
        (older, TRADES.schema, event),
        (TRADES.schema, older, {**event, "contracts": Decimal(3)}),
    ):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(writer), value)
        out.seek(0)
        found = fastavro.schemaless_reader(out, fastavro.parse_schema(writer), fastavro.parse_schema(reader))
        assert isinstance(found, dict)
        assert found == {**event, **({"contracts": None} if reader is not older else {})}
