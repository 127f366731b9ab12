"""``bookmill verify`` and ``bookmill rebuild`` on a working pipeline: what is wrong is named, what is right is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from audit.comparison import Compared
from audit.rebuild import rebuild
from audit.scope import scope_of
from audit.scratch import Scratch, run_name
from audit.spans import Span, find_spans, markets_of
from audit.stored import Standing
from audit.swap import swap
from audit.trade_numbers import Untold, counting, untold
from audit.verification import Findings, verify
from bookmill.addresses import Addresses, resolve
from bookmill.errors import RefusedError
from bookmill.kafka import client_config
from bookmill.settings import MarketSettings, Settings
from schemas.admin import ensure_topics
from schemas.catalogue import (
    BOOK_SNAPSHOTS,
    CHECKPOINTS,
    EVENT_TOPICS,
    GAPS,
    SPREADS,
    TABLE_TOPICS,
    TRADES,
    raw,
)
from sinks.client import Store, connect
from sinks.progress import Progress
from sinks.tables import create_tables, statements
from tests.integration.conftest import isolated
from tests.integration.parts import RunningPart, environment, wait_until
from tests.unit.streams.raw import Record
from tests.unit.streams.test_checkpoints import day

PARTITION = 2
RAW = raw("binance", "spot")
DAY = day(40_000)
WRONG = ("missing", "double", "different", "extra")


@dataclass
class Pipeline:
    """A worker and a sink of this module's own, and how many of the day's records they have been given."""

    settings: Settings
    folder: Path
    worker: RunningPart
    sink: RunningPart
    client: Client
    written: int = 0

    @property
    def addresses(self) -> Addresses:
        return resolve(self.settings)

    @property
    def topic(self) -> str:
        return self.settings.kafka.topic_prefix + RAW.name

    def write(self, records: Sequence[Record]) -> None:
        producer = Producer(
            {
                **client_config(self.settings.kafka, self.addresses.kafka),
                "linger.ms": 5,
                "enable.idempotence": True,
            }
        )
        for one in records:
            producer.produce(self.topic, one.value, one.key, PARTITION, headers=list(one.headers))
            producer.poll(0)
        assert producer.flush(30) == 0
        self.written += len(records)

    def settle(self) -> None:
        """All that was written is committed by the worker and by the sink."""

        def done() -> bool:
            spans = find_spans(self.settings, self.addresses, [("binance", "spot")], None)
            return spans[PARTITION].end == self.written and self.sink.status().get("lag") == 0

        wait_until(done, "worker and sink have committed all", timeout_s=200)

    def verify(self, since_ms: int | None = None, processes: int = 1) -> Findings:
        return verify(
            self.settings,
            self.addresses,
            markets=markets_of(self.settings, None, None),
            since_ms=since_ms,
            processes=processes,
            begin=lambda _: None,
            progress=lambda _: None,
        )

    def sql(self, statement: str) -> None:
        self.client.command(statement.replace("{db}", self.settings.clickhouse.database))

    def count(self, table: str, condition: str = "1") -> int:
        database = self.settings.clickhouse.database
        return int(self.client.command(f"SELECT count() FROM {database}.{table} WHERE {condition}"))  # type: ignore[arg-type]

    def tables(self) -> set[str]:
        """Without views."""
        found = self.client.query(
            f"SELECT name FROM system.tables WHERE database = '{self.settings.clickhouse.database}'"
            " AND engine NOT LIKE '%View'"
        )
        return {str(name) for (name,) in found.result_rows}


@pytest.fixture(scope="module")
def pipeline(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    settings, folder = isolated(addresses), tmp_path_factory.mktemp("audit")
    settings = settings.model_copy(
        update={
            "exchanges": {"binance": {"spot": MarketSettings()}},
            "kafka": settings.kafka.model_copy(update={"partitions": 3}),
        }
    )
    chosen = environment(
        settings,
        exchanges='{"binance": {"spot": {}}}',
        sink__batch_ms="100",
        worker__checkpoint_interval_s="1",
    )
    ensure_topics(settings.kafka, addresses.kafka, [RAW, *EVENT_TOPICS])
    client = clickhouse_connect.get_client(dsn=addresses.clickhouse, autogenerate_session_id=False)
    with (
        RunningPart(["worker"], chosen, folder / "worker.log") as worker,
        RunningPart(["sink"], chosen, folder / "sink.log") as sink,
    ):
        made = Pipeline(settings, folder, worker, sink, client)
        made.write(DAY[:3000])
        made.settle()
        yield made
    client.close()


def wrong(found: Findings) -> dict[str, dict[str, int]]:
    """Counts that are not zero, by table."""
    return {
        one.table: {name: getattr(one, name) for name in WRONG if getattr(one, name)}
        for one in found.compared
        if not one.good
    }


def of(found: Findings, table: str) -> Compared:
    return next(one for one in found.compared if one.table == table)


def test_a_clean_run_has_nothing_to_say(pipeline: Pipeline) -> None:
    found = pipeline.verify(processes=2)
    assert wrong(found) == {}
    assert found.good
    assert found.frames == {"binance.spot.BTC-USDT": 3000}
    assert found.not_stored_yet == found.dead_letters == found.refused == 0
    for table in ("trades", "spreads", "book_snapshots"):
        one = of(found, table)
        assert one.expected == one.stored == pipeline.count(table) > 0
        assert one.not_comparable == 0
    assert not [name for name in pipeline.tables() if name.startswith("audit_")]


def test_what_was_read_from_the_middle_is_compared_where_it_can_be(pipeline: Pipeline) -> None:
    later_ms = int(time.time() * 1000)
    time.sleep(0.01)
    pipeline.write(DAY[3000:3500])
    pipeline.settle()
    found = pipeline.verify(since_ms=later_ms)
    assert found.good
    assert found.frames.total() == 500
    # Trades that count are compared from a minute after the first one.
    trades = of(found, "trades")
    assert trades.expected == trades.stored == 0
    assert trades.not_comparable == pipeline.count("trades", "source_offset >= 3000") > 0
    # The book's only snapshot stands before: what was built upon it can only be told by who has it.
    snapshots = of(found, "book_snapshots")
    assert snapshots.expected == snapshots.stored == 0
    assert snapshots.not_comparable == pipeline.count("book_snapshots", "source_offset >= 3000") > 0
    spreads = of(found, "spreads")
    assert spreads.expected == pipeline.count("spreads", "source_offset >= 3000 AND origin = 'ticker'") > 0


def test_each_kind_of_damage_is_named_and_a_rebuild_beside_a_running_sink_mends_it(
    pipeline: Pipeline,
) -> None:
    trade, other, spread = (
        offset for offset in _offsets(pipeline, "trades", 2) + _offsets(pipeline, "spreads", 1)
    )
    pipeline.sql(
        f"ALTER TABLE {{db}}.trades DELETE WHERE source_offset = {trade} SETTINGS mutations_sync = 2"
    )
    pipeline.sql(
        f"INSERT INTO {{db}}.trades SETTINGS insert_deduplicate = 0 SELECT * FROM {{db}}.trades WHERE source_offset = {other}"
    )
    pipeline.sql(
        f"ALTER TABLE {{db}}.spreads UPDATE bid_price = bid_price + 1 WHERE source_offset = {spread} SETTINGS mutations_sync = 2"
    )
    pipeline.sql(
        "INSERT INTO {db}.book_snapshots SETTINGS insert_deduplicate = 0"
        " SELECT * REPLACE (toUInt32(77) AS source_index) FROM {db}.book_snapshots LIMIT 1"
    )
    # A row older than the raw log is nobody's to judge, and stays.
    pipeline.sql(
        "INSERT INTO {db}.trades SELECT * REPLACE ('old.raw.binance.spot' AS source_topic) FROM {db}.trades LIMIT 1"
    )
    run = subprocess.run(
        [sys.executable, "-m", "bookmill", "verify", "--json"],
        env=environment(pipeline.settings, exchanges='{"binance": {"spot": {}}}'),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    said = json.loads(run.stdout)
    [instrument] = said["instruments"]
    assert {name: instrument[name] for name in WRONG} == dict.fromkeys(WRONG, 1)
    assert not said["good"]
    tables = {each["table"]: each for each in instrument["tables"]}
    assert (tables["trades"]["missing"], tables["trades"]["double"]) == (1, 1)
    assert tables["trades"]["example"].endswith(f"/{min(trade, other):020d}/000000")
    assert tables["spreads"]["different"] == tables["book_snapshots"]["extra"] == 1

    done, ended_at = Event(), 0

    def feed() -> None:
        while not done.is_set() and pipeline.written < len(DAY):
            pipeline.write(DAY[pipeline.written : pipeline.written + 20])
            time.sleep(0.05)

    feeding = Thread(target=feed)
    feeding.start()
    try:
        swapped = list(
            rebuild(
                pipeline.settings,
                pipeline.addresses,
                [TRADES, SPREADS, BOOK_SNAPSHOTS],
                markets=[("binance", "spot")],
                processes=1,
                begin=lambda _: None,
                progress=lambda _: None,
            )
        )
        ended_at = pipeline.written
    finally:
        done.set()
        feeding.join()
    assert 3500 < ended_at < len(DAY)  # the sink had something to do all the time
    assert [each.table for each in swapped] == ["trades", "spreads", "book_snapshots"]
    assert swapped[0].kept >= 1
    pipeline.settle()
    found = pipeline.verify()
    assert wrong(found) == {}
    assert found.frames.total() == pipeline.written
    assert pipeline.count("trades", "source_topic = 'old.raw.binance.spot'") == 1
    assert of(found, "trades").stored == pipeline.count("trades") - 1
    assert pipeline.tables() == {topic.name for topic in TABLE_TOPICS}


def test_the_whole_raw_topic_processed_again_changes_nothing(pipeline: Pipeline) -> None:
    tables = ("trades", "spreads", "book_snapshots")
    before = {table: pipeline.count(table) for table in tables}
    assert pipeline.worker.stop() == 0
    ends = _ends(pipeline, TRADES.name)
    _begin_again(pipeline)
    pipeline.worker.restart()
    wait_until(
        lambda: pipeline.worker.status().get("frames") == pipeline.written,
        "all processed again",
        timeout_s=200,
    )
    pipeline.settle()
    assert _ends(pipeline, TRADES.name) == 2 * ends  # each event stands in its topic once more
    assert {table: pipeline.count(table) for table in tables} == before
    assert wrong(pipeline.verify()) == {}


def test_scratch_tables_of_a_killed_run_are_dropped(pipeline: Pipeline) -> None:
    host = run_name().split("_")[1]
    left = f"audit_{host}_999999999_1_000001_trades"
    store = Store(
        connect(pipeline.settings.clickhouse, pipeline.addresses.clickhouse),
        pipeline.addresses.clickhouse,
        pipeline.settings.clickhouse.database,
    )
    for statement in statements("trades", pipeline.settings.clickhouse.database, name=left):
        store.command(statement)
    assert left in pipeline.tables()
    assert pipeline.verify().good
    assert left not in pipeline.tables()


@pytest.mark.slow
def test_a_raw_topic_that_was_made_anew_is_said(pipeline: Pipeline) -> None:
    assert pipeline.worker.stop() == 0  # a group with members takes no offsets from outside
    _commit(pipeline, TopicPartition(pipeline.topic, 0, 5000, '{"processed": 5000}'))
    with pytest.raises(RefusedError, match="it was made anew"):
        pipeline.verify()


def _offsets(pipeline: Pipeline, table: str, count: int) -> list[int]:
    """Raw offsets of some rows in the middle of a table."""
    found = pipeline.client.query(
        f"SELECT source_offset FROM {pipeline.settings.clickhouse.database}.{table} ORDER BY source_offset LIMIT {count} OFFSET 100"
    )
    return [int(offset) for (offset,) in found.result_rows]


def _ends(pipeline: Pipeline, topic: str) -> int:
    consumer = Consumer(
        {**client_config(pipeline.settings.kafka, pipeline.addresses.kafka), "group.id": "test"}
    )
    place = TopicPartition(pipeline.settings.kafka.topic_prefix + topic, PARTITION)
    try:
        return int(consumer.get_watermark_offsets(place, timeout=10)[1])
    finally:
        consumer.close()


def _commit(pipeline: Pipeline, place: TopicPartition) -> None:
    group = pipeline.settings.kafka.topic_prefix + pipeline.settings.worker.group
    consumer = Consumer(
        {**client_config(pipeline.settings.kafka, pipeline.addresses.kafka), "group.id": group}
    )
    try:
        consumer.commit(offsets=[place], asynchronous=False)
    finally:
        consumer.close()


def _begin_again(pipeline: Pipeline) -> None:
    """As if no worker had ever been: no offset, no checkpoint."""
    _commit(pipeline, TopicPartition(pipeline.topic, PARTITION, 0))
    admin = AdminClient(client_config(pipeline.settings.kafka, pipeline.addresses.kafka))
    name = pipeline.settings.kafka.topic_prefix + CHECKPOINTS.name
    # A compacted topic takes no deletions; made anew it is empty.
    admin.delete_topics([name])[name].result(30)
    wait_until(lambda: name not in admin.list_topics(timeout=10).topics, "the checkpoints are gone")


@pytest.mark.slow
def test_rows_of_a_batch_under_way_while_tables_are_swapped_are_there_once(addresses: Addresses) -> None:
    settings = isolated(addresses)
    database = settings.clickhouse.database
    store = Store(connect(settings.clickhouse, addresses.clickhouse), addresses.clickhouse, database)
    create_tables(store, database, [TRADES])

    def insert(table: str, *offsets: int) -> None:
        store.command(
            f"INSERT INTO {database}.{table} (exchange, market, symbol, source, trade_id, price, quantity, side, receive_time,"
            " source_topic, source_partition, source_offset) SELECT 'binance', 'spot', 'BTC-USDT', 'ws', toString(o), 1, 1, 'BUY',"
            f" toDateTime64('2026-01-01', 6) + o, 'raw.x', 0, o FROM (SELECT arrayJoin([{', '.join(map(str, offsets))}]) AS o)"
        )

    def exists(name: str) -> bool:
        return bool(
            store.rows(f"SELECT 1 FROM system.tables WHERE database = '{database}' AND name LIKE '{name}'")
        )

    asked_after = 0

    def ask() -> dict[tuple[str, int], Standing]:
        """All up to offset 19 is committed. A batch of 20 and 21 is inserted; once the tables are swapped 20 is sent again."""
        nonlocal asked_after
        marks = {b"raw.x/0": b"raw.x/0/00000000000000000019/000000"}
        swapped = exists("trades_before_%")
        asked_after += swapped
        if swapped and asked_after == 2:
            insert("trades", 20)
        if swapped and asked_after > 2:
            return {("trades", 0): Standing(Progress(102, marks), 102)}
        return {("trades", 0): Standing(Progress(100, marks, 101 if swapped else None), 102)}

    insert("trades", *range(5), *range(6, 22))
    with Scratch(store, database, [TRADES]) as scratch:
        made = scratch.names["trades"]
        insert(made, *range(12))
        scope = scope_of(
            "trades", [Span("binance", "spot", "raw.x", 0, 0, 10)], [(10, 0)], books={}, trades={}
        )
        done = swap(store, database=database, table="trades", made=made, scope=scope, ask=ask)
    assert (done.rebuilt, done.before, done.kept) == (10, 9, 12)
    rows = [
        offset
        for (offset,) in store.rows(f"SELECT source_offset FROM {database}.trades ORDER BY source_offset")
    ]
    assert rows == list(range(22))
    assert not exists("trades_before_%")
    assert not exists("audit_%")


def test_missing_numbers_of_trades_are_told_unless_the_ledger_names_them(addresses: Addresses) -> None:
    settings = isolated(addresses)
    database = settings.clickhouse.database
    store = Store(connect(settings.clickhouse, addresses.clickhouse), addresses.clickhouse, database)
    create_tables(store, database, [TRADES, GAPS])
    own = "exchange, market, symbol, source, receive_time, source_topic, source_partition, source_offset"

    def trades(symbol: str, *numbers: int) -> None:
        for place, number in enumerate(numbers):
            store.command(
                f"INSERT INTO {database}.trades ({own}, trade_id, price, quantity, side) VALUES ('binance', 'spot', '{symbol}',"
                f" 'ws', '2026-01-01', 'raw.x', 0, {place}, '{number}', 1, 1, 'BUY')"
            )

    def gap(symbol: str, first: int, last: int) -> None:
        store.command(
            f"INSERT INTO {database}.gaps ({own}, gap, stream, first_trade_id, last_trade_id) VALUES ('binance', 'spot', '{symbol}',"
            f" 'ws', '2026-01-01', 'raw.x', 0, 0, 'g', 'trades', {first}, {last})"
        )

    trades("BTC-USDT", 10, 11, 15, 16, 18)
    gap("BTC-USDT", 12, 14)
    trades("ETH-USDT", 5, 9)
    gap("ETH-USDT", 6, 7)
    trades("SOL-USDT", 500, 501, 1, 2)  # counted anew
    scope = scope_of("trades", [Span("binance", "spot", "raw.x", 0, 0, 100)], [(100, 0)], books={}, trades={})
    found = untold(
        store,
        trades=f"{database}.trades",
        gaps=f"{database}.gaps",
        scope=scope,
        markets=counting(settings, [("binance", "spot")]),
    )
    assert found == [Untold("binance.spot.BTC-USDT", 1, 1, 17), Untold("binance.spot.ETH-USDT", 1, 3, 6)]
