"""The worker on a real broker: events as the pure path gives them, through kills, takeovers and nonsense."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bookmill.kafka import client_config
from bookmill.settings import Settings, WorkerSettings
from schemas.admin import ensure_topics
from schemas.catalogue import (
    BOOK_SNAPSHOTS,
    CONTROL_REQUESTS,
    EVENT_TOPICS,
    SPREADS,
    TRADES,
    dead_letters,
    raw,
)
from schemas.event_id import is_new, split
from schemas.registry import client, register
from sinks.client import connect
from streams.emitter import Events
from streams.partition import RawPartition
from tests.integration.parts import RunningPart, environment, wait_until
from tests.unit.streams.raw import Record, depth, snapshot, trade
from tests.unit.streams.test_checkpoints import day
from venues.binance import BinanceSpot

PARTITION = 2
RAW = raw("binance", "spot")


@pytest.fixture
def prepared(settings: Settings) -> Settings:
    """Raw and event topics are there."""
    assert settings.kafka.bootstrap_servers
    ensure_topics(
        settings.kafka,
        settings.kafka.bootstrap_servers,
        [RAW, dead_letters(RAW.name), *EVENT_TOPICS, CONTROL_REQUESTS],
    )
    return settings


def write(settings: Settings, records: Iterable[Record], partition: int = PARTITION) -> None:
    """Put raw records into the raw topic as a producer would."""
    producer = Producer(
        {**client_config(settings.kafka, settings.kafka.bootstrap_servers or ""), "linger.ms": 5}
    )
    for one in records:
        producer.produce(
            settings.kafka.topic_prefix + RAW.name, one.value, one.key, partition, headers=list(one.headers)
        )
        producer.poll(0)
    assert producer.flush(30) == 0


def read_all(settings: Settings, topic: str, partition: int = PARTITION) -> list[Message]:
    """Every record of a partition, from the beginning to its present end."""
    consumer = Consumer(
        {
            **client_config(settings.kafka, settings.kafka.bootstrap_servers or ""),
            "group.id": "test",
            "enable.auto.commit": False,
        }
    )
    name = settings.kafka.topic_prefix + topic
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
        consumer.assign([TopicPartition(name, partition, 0)])
        found: list[Message] = []
        while len(found) < end:
            found += consumer.consume(end - len(found), timeout=1)
        return found
    finally:
        consumer.close()


def identity(message: Message) -> bytes:
    headers = dict(message.headers() or [])
    value = headers["event_id"]
    assert isinstance(value, bytes)
    return value


def distinct(messages: Sequence[Message]) -> list[tuple[bytes, bytes]]:
    """Id and value of what a consumer keeps that drops what it has seen."""
    marks: dict[bytes, bytes] = {}
    return [(identity(one), one.value() or b"") for one in messages if is_new(identity(one), marks)]


def expected(settings: Settings, records: Sequence[Record], **worker: Any) -> Events:
    """What the pure path makes of the same records."""
    url = settings.registry.url or ""
    with client(settings.registry, url) as registry:
        schema_ids = register(registry, url, EVENT_TOPICS, prefix=settings.kafka.topic_prefix)
    topic = settings.kafka.topic_prefix + RAW.name
    partition = RawPartition(BinanceSpot(), topic, PARTITION, 0, schema_ids, WorkerSettings(**worker))
    return partition.process(records).events


def pairs(events: Iterable[tuple[bytes, bytes, list[tuple[str, bytes]]]]) -> list[tuple[bytes, bytes]]:
    return [(headers[0][1], value) for _, value, headers in events]


def caught_up(status: dict[str, Any]) -> bool:
    """Whether it has partitions (before that nothing is behind) and has processed all there is in them."""
    return bool(status.get("frames")) and status["lag"] == 0


def assert_same(settings: Settings, events: Events) -> None:
    assert distinct(read_all(settings, TRADES.name)) == pairs(events.trades)
    assert distinct(read_all(settings, SPREADS.name)) == pairs(events.spreads)
    assert distinct(read_all(settings, BOOK_SNAPSHOTS.name)) == pairs(events.book_snapshots)


def test_events_are_those_of_the_pure_path_and_a_stock_consumer_reads_them(
    prepared: Settings, tmp_path: Path
) -> None:
    records = day(3000)
    write(prepared, records)
    with RunningPart(["worker"], environment(prepared), tmp_path / "worker.log") as worker:
        wait_until(lambda: worker.status().get("frames") == len(records), "all records processed")
        status = worker.status()
        assert worker.stop() == 0
    assert_same(prepared, expected(prepared, records))
    assert status["instruments"]["binance.spot.BTC-USDT"]["state"] == "live"
    assert "Traceback" not in worker.log

    topic = prepared.kafka.topic_prefix + TRADES.name
    with SchemaRegistryClient({"url": prepared.registry.url, "timeout": 10}) as registry:
        deserialize = AvroDeserializer(registry)
        for message in read_all(prepared, TRADES.name)[:20]:
            event = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            assert isinstance(event, dict)
            assert (event["symbol"], event["price"], event["side"]) == ("BTC-USDT", 10, "BUY")
            parts = (
                event["source_topic"],
                event["source_partition"],
                event["source_offset"],
                event["source_index"],
            )
            assert split(identity(message)) == parts
            assert message.key() == b"binance.spot.BTC-USDT"
        assert registry.get_compatibility(f"{topic}-value") == "FULL_TRANSITIVE"


@pytest.mark.slow
def test_a_killed_worker_goes_on_from_its_checkpoints_with_the_same_events(
    prepared: Settings, tmp_path: Path
) -> None:
    records = day(9000)
    chosen = environment(
        prepared,
        worker__checkpoint_interval_s="0.3",
        worker__poll_records="100",
        worker__session_timeout_s="6",
    )
    with RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker:
        for part in (records[:4000], records[4000:7000]):
            write(prepared, part)
            wait_until(lambda: worker.status().get("checkpoints", 0) >= 1, "a checkpoint is stored")
            worker.kill()
            worker.restart()
        write(prepared, records[7000:])
        wait_until(lambda: caught_up(worker.status()), "caught up")
        status = worker.status()
        assert worker.stop() == 0
    assert status["restored"] == 1
    assert status["gaps"] == 0
    assert status["requests"] == 0
    assert_same(prepared, expected(prepared, records))


@pytest.mark.slow
def test_a_stopped_worker_leaves_nothing_to_repeat(prepared: Settings, tmp_path: Path) -> None:
    records = day(2000)
    write(prepared, records[:1500])
    with RunningPart(["worker"], environment(prepared), tmp_path / "worker.log") as worker:
        wait_until(lambda: worker.status().get("frames") == 1500, "processed")
        assert worker.stop() == 0
        write(prepared, records[1500:])
        worker.restart()
        wait_until(lambda: worker.status().get("frames") == 500, "only what is new is processed")
        assert worker.stop() == 0
    assert_same(prepared, expected(prepared, records))
    ids = [identity(one) for one in read_all(prepared, TRADES.name)]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_two_workers_share_and_one_takes_over_when_the_other_is_killed(
    prepared: Settings, tmp_path: Path
) -> None:
    records = day(6000)
    chosen = environment(
        prepared,
        worker__checkpoint_interval_s="0.3",
        worker__poll_records="100",
        worker__session_timeout_s="6",
    )
    with (
        RunningPart(["worker"], chosen, tmp_path / "one.log") as one,
        RunningPart(["worker"], chosen, tmp_path / "two.log") as two,
    ):
        write(prepared, records[:2000])
        wait_until(
            lambda: one.status().get("partitions", 0) + two.status().get("partitions", 0) > 0,
            "somebody has it",
        )
        write(prepared, records[2000:4000])
        time.sleep(1)
        owner, other = (one, two) if one.status().get("partitions") else (two, one)
        wait_until(lambda: owner.status().get("checkpoints"), "a checkpoint is stored")
        owner.kill()
        write(prepared, records[4000:])
        wait_until(lambda: other.status().get("instruments"), "the other has taken over")
        wait_until(lambda: caught_up(other.status()), "caught up")
        status = other.status()
        assert other.stop() == 0
    assert (status["restored"], status["gaps"], status["requests"]) == (1, 0, 0)
    # Of trades that were never there, and of no book.
    assert {request["kind"] for request in requests_of(prepared)} <= {"backfill"}
    events = expected(prepared, records)
    assert_same(prepared, events)
    assert_stored(prepared, events, tmp_path)


def requests_of(settings: Settings) -> list[dict[str, Any]]:
    """What workers have asked of producers."""
    asked = [
        one
        for number in range(settings.kafka.partitions)
        for one in read_all(settings, CONTROL_REQUESTS.name, number)
    ]
    assert all(one.key() == b"binance.spot.BTC-USDT" for one in asked)
    with SchemaRegistryClient({"url": settings.registry.url, "timeout": 10}) as registry:
        deserialize = AvroDeserializer(registry)
        context = SerializationContext("control.requests", MessageField.VALUE)
        return [cast("dict[str, Any]", deserialize(one.value(), context)) for one in asked]


def assert_stored(settings: Settings, events: Events, folder: Path) -> None:
    """ClickHouse has the rows of these events, once each, in this order."""
    wanted = {topic.name: getattr(events, topic.name) for topic in (TRADES, SPREADS, BOOK_SNAPSHOTS)}
    total = sum(map(len, wanted.values()))
    with RunningPart(["sink"], environment(settings), folder / "sink.log") as sink:
        wait_until(
            lambda: sink.status().get("rows", 0) >= total and sink.status()["lag"] == 0,
            "all rows",
            timeout_s=150,
        )
        assert sink.stop() == 0
    client = connect(settings.clickhouse, settings.clickhouse.url or "")
    for table, written in wanted.items():
        rows = client.query(
            f"SELECT event_id FROM {settings.clickhouse.database}.{table} ORDER BY event_id"
        ).result_rows
        assert [row[0] for row in rows] == [headers[0][1].decode() for _, _, headers in written], table
    client.close()


def rebalances(part: RunningPart) -> int:
    return sum("partitions assigned" in line for line in part.log.splitlines())


@pytest.mark.slow
def test_a_worker_with_a_name_restarts_and_no_partition_moves(prepared: Settings, tmp_path: Path) -> None:
    records = day(1500)
    one_, two_ = (
        environment(prepared, worker__instance_id=name, worker__session_timeout_s="240")
        for name in ("a", "b")
    )
    with (
        RunningPart(["worker"], one_, tmp_path / "one.log") as one,
        RunningPart(["worker"], two_, tmp_path / "two.log") as two,
    ):
        wait_until(
            lambda: one.status().get("assigned") and two.status().get("assigned"),
            "both have some",
            timeout_s=150,
        )
        before, shares = rebalances(two), (one.status()["assigned"], two.status()["assigned"])
        write(prepared, records[:700])
        assert one.stop() == 0
        write(prepared, records[700:])
        one.restart()
        wait_until(lambda: one.status().get("assigned"), "it has its partitions again", timeout_s=150)
        wait_until(lambda: caught_up(one.status()) or caught_up(two.status()), "caught up", timeout_s=150)
        wait_until(
            lambda: len(distinct(read_all(prepared, TRADES.name))) == trades_of(records),
            "all trades",
            timeout_s=150,
        )
        assert (one.status()["assigned"], two.status()["assigned"]) == shares
        assert rebalances(two) == before
        # A third one under the first one's name: the first is out, and says so; the second goes on.
        with RunningPart(["worker"], one_, tmp_path / "three.log") as three:
            wait_until(
                lambda: three.status().get("assigned"),
                "the third has the first one's partitions",
                timeout_s=150,
            )
            assert one.process.wait(150) == 1
            [line] = [line for line in one.log.splitlines() if line.startswith("bookmill: ")]
            assert "Another worker has joined the group as 'a'" in line
            assert "Traceback" not in one.log
            assert rebalances(two) == before
            assert three.stop() == 0
        assert two.stop() == 0
    assert_same(prepared, expected(prepared, records))


def trades_of(records: Sequence[Record]) -> int:
    return sum(dict(one.headers)["channel"] == b"trade" for one in records)


def test_a_bad_record_is_a_dead_letter_and_the_next_is_processed(prepared: Settings, tmp_path: Path) -> None:
    bad = Record(1, b"BTCUSDT", b"{broken", trade(1, 1).headers)
    write(prepared, [trade(0, 1), bad, trade(2, 2)])
    with RunningPart(["worker"], environment(prepared), tmp_path / "worker.log") as worker:
        wait_until(lambda: worker.status().get("frames") == 3, "processed")
        assert worker.status()["dead_letters"] == 1
        assert worker.stop() == 0
    [letter] = read_all(prepared, dead_letters(RAW.name).name)
    headers = dict(letter.headers() or [])
    assert letter.value() == b"{broken"
    assert headers["__connect.errors.offset"] == b"1"
    assert b"Not a binance trade frame" in (headers["__connect.errors.exception.message"] or b"")
    assert headers["symbol"] == b"BTC-USDT"
    assert len(read_all(prepared, TRADES.name)) == 2


def test_a_lost_book_asks_for_a_snapshot_and_comes_back(prepared: Settings, tmp_path: Path) -> None:
    chosen = environment(prepared, worker__resync_retry_s="0.5")
    write(prepared, [depth(0, 1, 2), snapshot(1, 2, [["9", "1"]], [["11", "1"]]), depth(2, 5, 6)])
    with RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker:

        def state() -> Any:
            return worker.status().get("instruments", {}).get("binance.spot.BTC-USDT", {}).get("state")

        wait_until(lambda: state() == "resyncing", "the gap is noticed")
        wait_until(lambda: worker.status()["requests"] >= 2, "it asks again")
        write(prepared, [snapshot(3, 5, [["9", "1"]], [["11", "1"]])])
        wait_until(lambda: state() == "live", "live again")
        asked = worker.status()["requests"]
        time.sleep(1)
        assert worker.status()["requests"] == asked
        assert worker.stop() == 0
    request = requests_of(prepared)[0]
    assert (request["wire_symbol"], request["kind"], request["reason"]) == ("BTCUSDT", "resync", "gap")


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        pytest.param(
            "kafka__bootstrap_servers",
            "127.0.0.1:1",
            "Kafka does not answer at 127.0.0.1:1",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "registry__url",
            "http://127.0.0.1:1",
            "The schema registry does not answer at http://127.0.0.1:1",
            marks=pytest.mark.slow,
        ),
        (
            "exchanges",
            '{"binance": {"sport": {}}}',
            "There is no venue 'binance.sport'. Did you mean 'binance.spot'?",
        ),
        ("kafka__partitions", "4", "has 3 partitions, kafka.partitions says 4"),
        pytest.param(
            "data_dir",
            "/proc/nowhere",
            "The data folder /proc/nowhere cannot be used",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_missing_is_one_sentence(
    prepared: Settings, tmp_path: Path, setting: str, value: str, sentence: str
) -> None:
    with RunningPart(
        ["worker"], environment(prepared, **{setting: value}), tmp_path / "worker.log"
    ) as worker:
        assert worker.process.wait(40) == 1
    [line] = [line for line in worker.log.splitlines() if line.startswith("bookmill: ")]
    assert sentence in line
    assert "Traceback" not in worker.log
