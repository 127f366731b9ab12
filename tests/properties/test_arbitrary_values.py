"""Whatever stands in a control record, an event's value or header, or beside a committed offset: a refusal in one sentence, a
dead letter, or what it says; never another exception, and never a row that nobody wrote."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import fastavro
from confluent_kafka import Message, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmill.demo.offsets import Committed
from bookmill.errors import RefusedError
from bookmill.settings import KafkaSettings
from producers.arrival import _processed
from producers.control import ControlReader, Request
from schemas.catalogue import CONTROL_REQUESTS
from schemas.event_id import event_id
from sinks.batch import Batch, cut, sort_out
from sinks.client import DataRefusedError
from sinks.progress import Progress, well_formed
from tests.unit.sinks.fakes import RAW, FakeStore, World, trade, wire

EXAMPLES = settings(max_examples=60, deadline=None)


class Registry(SchemaRegistryClient):
    """Knows one schema, and asks nobody."""

    def __init__(self) -> None:
        super().__init__({"url": "http://127.0.0.1:1"})

    def get_schema(self, *_: Any, **__: Any) -> Schema:
        return Schema(CONTROL_REQUESTS.schema_text, "AVRO")

    get_schema_by_guid = get_schema

    def get_associations_by_resource_name(self, *_: Any, **__: Any) -> list[Any]:
        return []


def a_request() -> bytes:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    said = {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "wire_symbol": "BTCUSDT",
        "kind": "backfill",
        "reason": "gap",
        "requested_time": now,
        "first_trade_id": "1",
        "last_trade_id": "9",
        "since_time": now,
        "until_time": now,
        "producer": "one",
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(CONTROL_REQUESTS.schema), said)
    return b"\x00\x00\x00\x00\x07" + out.getvalue()


@st.composite
def near(draw: st.DrawFn, whole: bytes) -> bytes:
    """``whole`` with bytes of it flipped, cut, doubled, replaced or added."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[at : at + draw(st.integers(1, 9))]
            case 3:
                data[at : at + 3] = b"\xff" * draw(st.integers(1, 9))
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=9))
    return bytes(data)


@EXAMPLES
@given(st.none() | st.binary(max_size=40) | near(a_request()))
def test_control_records_are_requests_or_counted(value: bytes | None) -> None:
    reader = ControlReader(KafkaSettings(), "127.0.0.1:1", Registry(), lambda _: None)
    read = reader._decode(
        Message(topic="control.requests", partition=0, offset=1, value=value, timestamp=(1, 5))
    )
    assert isinstance(read, Request) != bool(reader.unreadable)
    good = Message(topic="control.requests", partition=0, offset=2, value=a_request(), timestamp=(1, 5))
    assert (found := reader._decode(good)) is not None
    assert (found.wire_symbol, found.span.last_id) == ("BTCUSDT", "9")


IDENTITY = event_id("raw.okx.spot", 0, 5, 0).encode()
"""Of a source of its own: the well-formed id of an event far ahead makes those before it old, and is no nonsense."""
VALUE = wire(trade("0-5", 5))
IDENTITIES = st.none() | st.binary(max_size=50) | near(IDENTITY) | st.just(IDENTITY)


@EXAMPLES
@given(st.lists(st.tuples(st.none() | st.binary(max_size=30) | near(VALUE), IDENTITIES), max_size=6))
def test_event_values_and_ids_are_rows_duplicates_or_dead_letters(
    records: list[tuple[bytes | None, bytes | None]],
) -> None:
    messages = [
        Message(
            topic="t",
            partition=0,
            offset=offset,
            value=value,
            headers=[] if identity is None else [("event_id", identity)],
        )
        for offset, (value, identity) in enumerate(records)
    ]
    while messages:
        count = cut(messages, rows=4, size=1000)
        assert 0 < count <= len(messages)
        rows = sort_out(Batch("t", 0, 0, count - 1, messages[:count], {}))
        assert len(rows.messages) == len(rows.datums)
        assert len(rows.messages) + rows.duplicates + len(rows.unreadable) == count
        # What goes into ClickHouse is what a record of this one schema holds, to the byte.
        prefix = b"\x00" + rows.schema_id.to_bytes(4, "big")
        assert [prefix + datum for datum in rows.datums] == [message.value() for message in rows.messages]
        assert all(map(well_formed, rows.marks.values()))
        del messages[:count]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.binary(max_size=30) | near(VALUE), IDENTITIES), min_size=1, max_size=4)
)
def test_a_sink_stores_the_events_beside_anything(records: list[tuple[bytes | None, bytes | None]]) -> None:
    """ClickHouse refuses a container it cannot read whole; here fastavro is in its place, and reads no further than a datum says."""
    world = World(store=Readable())
    world.broker.append_trades(range(3))
    for value, identity in records:
        world.broker.append(value, identity)
    world.broker.append_trades(range(100, 103))
    world.start().settle(80)
    stored = world.store.ids()
    assert [one for one in stored if one.startswith("0-1") and len(one) == 5] == ["0-100", "0-101", "0-102"]
    assert stored[:3] == ["0-0", "0-1", "0-2"]
    duplicates = world.loader.counters.duplicates
    assert len(stored) + len(set(world.dead_ids())) + duplicates == 6 + len(records)


class Readable(FakeStore):
    """Refuses what no reader could read: the whole container, as ClickHouse does."""

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> None:
        try:
            rows = list(fastavro.reader(io.BytesIO(container)))
        except Exception as error:
            raise DataRefusedError(f"not to be read: {error}") from error
        super().insert(table, columns, container, token)
        assert rows


TEXTS = (
    st.none()
    | st.text(max_size=40)
    | near(Progress(5, {b"raw.okx.spot/0": IDENTITY}, 9).metadata().encode()).map(
        lambda data: data.decode("utf-8", "replace")
    )
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["marks", "last", "processed", RAW]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=6,
).map(json.dumps)


@settings(max_examples=200, deadline=None)
@given(TEXTS | JSONS)
def test_texts_beside_offsets_are_read_or_refused(text: str | None) -> None:
    try:
        progress = Progress.read(7, text)
    except RefusedError:
        pass
    else:
        assert progress.offset == 7
        assert all(map(well_formed, progress.marks.values()))
        assert Progress.read(7, progress.metadata()) == progress
    assert isinstance(Committed(7, text or "").processed, int)
    place = TopicPartition("raw.binance.spot", 0, 7, (text or "").replace("\0", ""))
    assert isinstance(_processed(place), int)
