"""The tables are the schemas: the same columns with the same words, in types that hold what the fields hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from schemas.catalogue import CONSOLIDATED, EVENT_TOPICS, INSTRUMENTS, TABLE_TOPICS, Topic
from sinks.service import _topics
from sinks.tables import create_tables, create_views, statements

_COLUMN = re.compile(
    r"^ +(?:ADD COLUMN IF NOT EXISTS )?(\w+) +([A-Z]\w+(?:\(.*\))?) (?:DEFAULT|ALIAS|CODEC).*\n +COMMENT '((?:[^']|'')*)'",
    re.MULTILINE,
)
_TYPES = {
    "string": {"String", "LowCardinality(String)"},
    "boolean": {"Bool"},
    "int": {"UInt32"},
    "long": {"Int64", "UInt64"},
    "decimal": {"Decimal(38, 18)"},
    "timestamp-micros": {"DateTime64(6, 'UTC')"},
    "enum": {"String"},
}
VIEWS = Path(__file__).resolve().parents[3] / "sinks" / "views"
_OWN = {"inserted_time", "event_id", "notional"}


class Recorder:
    def __init__(self) -> None:
        self.commands: list[str] = []

    def command(self, statement: str) -> None:
        self.commands.append(statement)


def columns(topic: Topic) -> dict[str, tuple[str, str]]:
    """Type and comment by column, of all statements together."""
    text = "\n".join(statements(topic.name, "market"))
    return {name: (kind, comment.replace("''", "'")) for name, kind, comment in _COLUMN.findall(text)}


def column_types(kind: Any) -> set[str]:
    if isinstance(kind, list):
        return {f"Nullable({each})" for each in column_types(kind[1])}
    if isinstance(kind, str):
        return _TYPES[kind]
    if kind["type"] == "array":
        return {f"Array({each})" for each in column_types(kind["items"])}
    return _TYPES[kind.get("logicalType", kind["type"])]


@pytest.mark.parametrize("topic", TABLE_TOPICS, ids=lambda topic: topic.name)
def test_columns_are_the_fields_with_their_docs(topic: Topic) -> None:
    found = columns(topic)
    fields = {field["name"]: field for field in topic.schema["fields"]}
    assert found.keys() - _OWN == fields.keys()
    for name, field in fields.items():
        kind, comment = found[name]
        assert comment == field["doc"]
        assert kind in column_types(field["type"]), name


@pytest.mark.parametrize("topic", TABLE_TOPICS, ids=lambda topic: topic.name)
def test_a_table_says_what_a_row_is_and_knows_repeated_batches(topic: Topic) -> None:
    table = statements(topic.name, "market")[0]
    assert table.endswith("COMMENT '" + topic.schema["doc"].replace("'", "''") + "'")
    assert "non_replicated_deduplication_window = 10000" in table
    assert f"CREATE TABLE IF NOT EXISTS market.{topic.name}\n" in table
    first = "symbol, kind" if topic is CONSOLIDATED else "exchange, market, symbol"
    assert f"ORDER BY ({first}, " in table


@pytest.mark.parametrize("topic", EVENT_TOPICS, ids=lambda topic: topic.name)
def test_events_are_kept_for_a_year(topic: Topic) -> None:
    assert "\nTTL inserted_time + INTERVAL 365 DAY\n" in statements(topic.name, "market")[0]


def test_the_history_of_instruments_is_kept_for_ever() -> None:
    assert "TTL" not in statements(INSTRUMENTS.name, "market")[0]


@pytest.mark.parametrize("topic", TABLE_TOPICS, ids=lambda topic: topic.name)
def test_what_is_there_already_is_left_as_it_is(topic: Topic) -> None:
    assert all(
        "IF NOT EXISTS" in statement or "CREATE OR REPLACE VIEW" in statement
        for statement in statements(topic.name, "market")
    )


def test_the_columns_of_a_newer_version_come_after_the_table() -> None:
    store = Recorder()
    create_tables(store, "market", TABLE_TOPICS)
    assert store.commands[0] == "CREATE DATABASE IF NOT EXISTS market"
    table, column = store.commands[1:3]
    assert "CREATE TABLE IF NOT EXISTS market.trades" in table
    assert "ALTER TABLE market.trades\n    ADD COLUMN IF NOT EXISTS contracts " in column
    assert len(store.commands) == 1 + len(TABLE_TOPICS) + 2  # a column of trades, a view of gaps
    assert not any("{" in command or "--;" in command for command in store.commands)


def test_each_view_is_made_anew_under_the_name_of_its_file_and_says_what_it_is() -> None:
    store = Recorder()
    create_views(store, "market")
    names = sorted(file.stem for file in VIEWS.glob("*.sql"))
    assert len(names) > 10
    for name, statement in zip(names, store.commands, strict=True):
        assert statement.startswith("-- ")
        assert f"\nCREATE OR REPLACE VIEW market.{name} AS\n" in statement
        assert "{database}" not in statement


def test_an_unknown_topic_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as failure:
        _topics(["trades", "instrument"])
    assert str(failure.value) == (
        "Unknown topic 'instrument' in sink.topics. Did you mean 'instruments'?"
        " Known: alerts, book_snapshots, consolidated, derivatives, gaps, instruments, klines, liquidations,"
        " spreads, tickers, trades."
    )


def test_topics_are_loaded_once_each() -> None:
    assert _topics(["trades", "instruments", "trades"]) == [TABLE_TOPICS[0], INSTRUMENTS]
