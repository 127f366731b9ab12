"""The sink on real servers: exact rows, once each, through kills, bad records and missing servers; and ``bookmill sql``."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import httpx2
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from bookmill.kafka import client_config
from bookmill.settings import Settings
from embedded.platform import Platform
from schemas import registry
from schemas.admin import ensure_topics
from schemas.catalogue import (
    ALERTS,
    BOOK_SNAPSHOTS,
    CONSOLIDATED,
    DERIVATIVES,
    GAPS,
    INSTRUMENTS,
    KLINES,
    LIQUIDATIONS,
    SPREADS,
    TABLE_TOPICS,
    TICKERS,
    TRADES,
    Topic,
    dead_letters,
)
from schemas.event_id import HEADER, event_id
from sinks.client import Store, connect
from sinks.container import Container
from sinks.tables import create_tables, statements
from tests.integration.parts import RunningPart, environment, wait_until

RAW = "raw.binance.spot"
NOW = datetime(2024, 8, 8, 23, 54, 14, 123456, tzinfo=UTC)
SMALLEST, LARGEST = Decimal("0.000000000000000001"), Decimal("99999999999999999999.999999999999999999")


class Events:
    """Writes events as a worker would, and says what the tables must hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        assert settings.kafka.bootstrap_servers
        assert settings.registry.url
        wanted = [each for topic in TABLE_TOPICS for each in (topic, dead_letters(topic.name))]
        ensure_topics(settings.kafka, settings.kafka.bootstrap_servers, wanted)
        with registry.client(settings.registry, settings.registry.url) as client:
            self._ids = registry.register(
                client, settings.registry.url, TABLE_TOPICS, prefix=settings.kafka.topic_prefix
            )
        self._parsed = {topic: fastavro.parse_schema(topic.schema) for topic in TABLE_TOPICS}
        # Event ids only grow in a partition, also when a broker that has just made the topic refuses the first request.
        self._producer = Producer(
            {
                **client_config(settings.kafka, settings.kafka.bootstrap_servers),
                "linger.ms": 20,
                "enable.idempotence": True,
            }
        )

    def value(self, topic: Topic, event: dict[str, Any], schema_id: int | None = None) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._parsed[topic], event)
        return b"\x00" + (schema_id or self._ids[topic]).to_bytes(4, "big") + out.getvalue()

    def raw(self, topic: Topic, partition: int, value: bytes | None, identity: bytes | None) -> None:
        headers: list[tuple[str, str | bytes | None]] = [] if identity is None else [(HEADER, identity)]
        while True:
            try:
                self._producer.produce(
                    self._settings.kafka.topic_prefix + topic.name,
                    value,
                    b"binance.spot.BTC-USDT",
                    partition,
                    headers=headers,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self._producer.poll(0)

    def write(self, topic: Topic, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            known = identity(event) if topic.event_ids else None
            self.raw(topic, event.get("source_partition", 0), self.value(topic, event), known)
        self.flush()

    def flush(self) -> None:
        assert self._producer.flush(30) == 0


def identity(event: dict[str, Any]) -> bytes:
    return event_id(
        event["source_topic"], event["source_partition"], event["source_offset"], event["source_index"]
    ).encode()


def common(number: int, partition: int = 0, index: int = 0) -> dict[str, Any]:
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "source": "ws",
        "exchange_time": NOW + timedelta(microseconds=number) if number % 2 else None,
        "receive_time": NOW + timedelta(milliseconds=number),
        "source_topic": RAW,
        "source_partition": partition,
        "source_offset": number,
        "source_index": index,
    }


def trade(number: int, partition: int = 0) -> dict[str, Any]:
    return {
        **common(number, partition),
        "trade_id": f"{partition}-{number}",
        "price": LARGEST if number == 0 else Decimal(61602) + Decimal(number) / 100,
        "quantity": SMALLEST if number == 0 else Decimal(number) / 1000,
        "contracts": Decimal(number) if number % 2 else None,
        "side": "SELL" if number % 3 else "BUY",
        "aggregated": number % 5 == 0,
    }


def spread(number: int) -> dict[str, Any]:
    empty = number % 4 == 0
    names = ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread", "spread_bps")
    return {
        **common(number),
        "origin": "ticker" if number % 2 else "book",
        "state": "live",
        "update_id": 50_093_239_202 + number,
        **{
            name: None if empty else Decimal(place) / (number + 1) // SMALLEST * SMALLEST
            for place, name in enumerate(names)
        },
    }


def snapshot(number: int) -> dict[str, Any]:
    levels = [Decimal(61602) - level * Decimal("0.01") for level in range(number % 21)]
    return {
        **common(number, index=3),
        "state": "degraded",
        "reason": "resync",
        "update_id": number,
        "bid_prices": levels,
        "bid_quantities": [SMALLEST * (level + 1) for level in range(len(levels))],
        "ask_prices": levels[:1],
        "ask_quantities": [Decimal(0)] * len(levels[:1]),
        "spread": None,
        "spread_bps": None,
    }


def ticker(number: int) -> dict[str, Any]:
    bare = number % 4 == 0
    names = ("open_price", "high_price", "low_price", "volume", "quote_volume", "price_change")
    return {
        **common(number),
        "last_price": LARGEST if number == 1 else Decimal(number),
        **{name: None if bare else Decimal(number * place) / 8 for place, name in enumerate(names, 1)},
        "trades": None if bare else 2**62 + number,
        "price_change_percent": None if bare else -SMALLEST * number,
    }


def kline(number: int) -> dict[str, Any]:
    return {
        **common(number),
        "interval": "1h" if number % 2 else "1m",
        "open_time": NOW.replace(microsecond=0) - timedelta(minutes=number),
        "open_price": Decimal(number),
        "high_price": LARGEST,
        "low_price": SMALLEST,
        "close_price": Decimal(number) / 4,
        "volume": Decimal(number) / 8 if number % 2 else None,
        "quote_volume": None if number % 2 else SMALLEST,
        "trades": number if number % 3 else None,
        "closed": (None, False, True)[number % 3],
    }


def derivative(number: int) -> dict[str, Any]:
    return {
        **common(number),
        "mark_price": Decimal(number) / 16 if number % 2 else None,
        "index_price": None if number % 2 else LARGEST,
        "funding_rate": Decimal("-0.0001") * number if number % 3 else None,
        "next_funding_time": NOW + timedelta(hours=number) if number % 5 else None,
        "open_interest": SMALLEST * number if number % 7 else None,
    }


def liquidation(number: int) -> dict[str, Any]:
    return {
        **common(number, index=number % 3),
        "price": Decimal(61602) + number,
        "quantity": SMALLEST,
        "contracts": Decimal(number) if number % 2 else None,
        "side": "BUY" if number % 3 else "SELL",
    }


def gap(number: int) -> dict[str, Any]:
    counted, closed = number % 2 == 0, number % 3 == 0
    return {
        **common(number),
        "gap": f"{RAW}/0/{number}/000000",
        "stream": "trades" if counted else "book",
        "phase": "closed" if closed else "opened",
        "cause": "sequence",
        "expected": str(number) if counted else None,
        "seen": str(number + 5) if counted else None,
        "first_trade_id": 2**62 + number if counted else None,
        "last_trade_id": 2**62 + number + 4 if counted else None,
        "missed": 5 if counted else None,
        "attempts": number,
        "opened_time": NOW,
        "closed_time": NOW + timedelta(microseconds=number) if closed else None,
        "since_time": NOW if counted else None,
        "until_time": NOW if counted else None,
        "healed": "backfill" if closed else "none",
        "complete": closed,
    }


def instrument(number: int) -> dict[str, Any]:
    return {
        "exchange": "okx",
        "market": "swap",
        "symbol": f"C{number % 7}-USD",
        "wire_symbol": f"C{number % 7}-USD-SWAP",
        "base": f"C{number % 7}",
        "quote": "USD",
        "settle": "" if number % 2 else "BTC",
        "tick": SMALLEST,
        "lot": Decimal(1),
        "contract_size": Decimal(100) if number % 2 else None,
        "inverse": number % 2 == 1,
        "trading": number % 3 == 0,
        "status": "live" if number % 3 == 0 else "suspend",
        "expiry_time": NOW + timedelta(days=number) if number % 4 else None,
        "listed": number % 5 != 0,
        "seen_time": NOW + timedelta(microseconds=number),
    }


def consolidated(number: int) -> dict[str, Any]:
    none = number % 4 == 0
    names = ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread", "spread_bps")
    return {
        "symbol": "BTC-USDT",
        "kind": "perpetual" if number % 2 else "spot",
        **{name: None if none else LARGEST - place for place, name in enumerate(names)},
        **{f"{side}_exchange": None if none else "okx" for side in ("bid", "ask")},
        **{f"{side}_market": None if none else "swap" for side in ("bid", "ask")},
        "cross_bps": -SMALLEST if number % 3 else None,
        "venues": 0 if none else number,
        "receive_time": NOW + timedelta(milliseconds=number),
        "source_topic": "tops",
        "source_partition": 0,
        "source_offset": number,
        "source_index": 0,
    }


def alert(number: int) -> dict[str, Any]:
    gap = number % 4 == 0
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "alert": f"rule:{RAW}/0/{number}/000000",
        "rule": "rule",
        "rule_name": "BTC über 100.000 'bald'",
        "kind": "gap_opened" if gap else "price_crosses",
        "state": "cleared" if number % 2 else "fired",
        "direction": None if gap else "up",
        "value": None if gap else LARGEST,
        "threshold": None if gap else SMALLEST,
        "message": "It has begun.",
        "dashboard": number % 3 == 0,
        "receive_time": NOW + timedelta(milliseconds=number),
        "source_topic": "trades",
        "source_partition": 0,
        "source_offset": number,
        "source_index": number % 2,
    }


@pytest.fixture
def events(settings: Settings) -> Events:
    return Events(settings)


SinkOf = Callable[..., AbstractContextManager[RunningPart]]


@pytest.fixture
def sink(settings: Settings, tmp_path: Path) -> SinkOf:
    """A sink of this test's own, as a context manager; settings by keyword."""

    def start(name: str = "sink", **more: str) -> RunningPart:
        chosen = {
            "sink__batch_ms": "100",
            "sink__backoff_initial_s": "0.1",
            "sink__backoff_max_s": "0.5",
            **more,
        }
        return RunningPart(["sink"], environment(settings, **chosen), tmp_path / f"{name}.log")

    return start


def ask(settings: Settings, text: str) -> httpx2.Response:
    return httpx2.post(
        settings.clickhouse.url or "",
        params={"database": settings.clickhouse.database, "default_format": "JSONCompactStringsEachRow"},
        content=text.encode(),
        timeout=60,
    )


def query(settings: Settings, text: str) -> list[list[Any]]:
    """Rows of a query, every value as text, so that it is seen exactly."""
    answer = ask(settings, text)
    assert answer.is_success, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def count(settings: Settings, topic: Topic = TRADES) -> int:
    """Rows of a table; 0 while it is not there."""
    answer = ask(settings, f"SELECT count() FROM {topic.name}")
    return int(json.loads(answer.text)[0]) if answer.is_success else 0


def distinct(settings: Settings, topic: Topic = TRADES) -> int:
    return int(query(settings, f"SELECT uniqExact(event_id) FROM {topic.name}")[0][0])


def letters(settings: Settings, topic: Topic, partition: int, expected: int) -> list[Message]:
    """The dead letters of a partition: as many as ``expected``, or a failure."""
    consumer = Consumer(
        {**client_config(settings.kafka, settings.kafka.bootstrap_servers or ""), "group.id": "test"}
    )
    try:
        consumer.assign(
            [TopicPartition(settings.kafka.topic_prefix + dead_letters(topic.name).name, partition, 0)]
        )
        found = consumer.consume(expected, timeout=20)
        assert len(found) == expected
        assert consumer.consume(1, timeout=0.5) == []
        return found
    finally:
        consumer.close()


def health(part: RunningPart) -> dict[str, str]:
    """Problems by side."""
    answer = httpx2.get(f"{part.address}/health", timeout=10)
    problems: dict[str, str] = answer.json()["problems"]
    assert answer.status_code == (503 if problems else 200)
    return problems


def text_of(value: Any) -> Any:
    """As ClickHouse writes it in JSON strings."""
    match value:
        case None:
            return "ᴺᵁᴸᴸ"
        case bool():
            return str(value).lower()
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
        case list():
            return f"[{','.join(map(text_of, value))}]"
        case _:
            return str(value)


def test_rows_are_stored_exactly_as_the_events_say(settings: Settings, events: Events, sink: SinkOf) -> None:
    makers: dict[Topic, Callable[[int], dict[str, Any]]] = {
        TRADES: trade,
        SPREADS: spread,
        BOOK_SNAPSHOTS: snapshot,
        TICKERS: ticker,
        KLINES: kline,
        DERIVATIVES: derivative,
        LIQUIDATIONS: liquidation,
        GAPS: gap,
        INSTRUMENTS: instrument,
        CONSOLIDATED: consolidated,
        ALERTS: alert,
    }
    assert makers.keys() == set(TABLE_TOPICS)
    for topic, make in makers.items():
        events.write(topic, map(make, range(60)))
    with sink() as part:
        wait_until(lambda: part.status().get("rows") == 660, "660 rows")
        assert part.stop() == 0
    for topic, make in makers.items():
        # Received in 2024, and not forgotten: the time to live counts from when a row was stored.
        assert ask(settings, f"OPTIMIZE TABLE {topic.name} FINAL").is_success
        written = [make(number) for number in range(60)]
        columns = list(written[0])
        order, more = ("source_offset", ["event_id"]) if topic.event_ids else ("seen_time", [])
        found = query(settings, f"SELECT {', '.join(columns + more)} FROM {topic.name} ORDER BY {order}")
        assert found == [
            [
                *(text_of(event[column]) for column in columns),
                *(identity(event).decode() for _ in more),
            ]
            for event in written
        ]


@pytest.mark.slow
def test_records_without_ids_are_stored_once_each_through_a_kill(
    settings: Settings, events: Events, sink: SinkOf
) -> None:
    events.write(INSTRUMENTS, map(instrument, range(2000)))
    with sink(sink__batch_rows="50") as part:
        wait_until(lambda: count(settings, INSTRUMENTS) > 0, "some rows")
        part.kill()
        part.restart()
        wait_until(lambda: count(settings, INSTRUMENTS) >= 2000, "all rows")
        events.write(INSTRUMENTS, [instrument(1999)])  # said again: one more row of the history
        wait_until(lambda: count(settings, INSTRUMENTS) >= 2001, "the row said again")
        assert part.stop() == 0
    assert count(settings, INSTRUMENTS) == 2001
    assert query(settings, "SELECT uniqExact(seen_time) FROM instruments") == [["2000"]]


def test_an_older_table_gets_the_columns_it_lacks_and_keeps_its_rows(settings: Settings) -> None:
    url, database = settings.clickhouse.url or "", settings.clickhouse.database
    client = connect(settings.clickhouse, url)
    store = Store(client, url, database)
    store.command(f"CREATE DATABASE {database}")
    store.command(statements("trades", database)[0])
    newer = TRADES.schema["fields"]
    older = {**TRADES.schema, "fields": [field for field in newer if field["name"] != "contracts"]}

    def store_trade(schema: dict[str, Any], number: int) -> None:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), trade(number))
        columns = [field["name"] for field in schema["fields"]]
        store.insert("trades", columns, Container(json.dumps(schema)).pack([out.getvalue()]), str(number))

    store_trade(older, 1)
    create_tables(store, database, [TRADES])
    create_tables(store, database, [TRADES])
    store_trade(older, 3)  # a worker that is still the older one
    store_trade(TRADES.schema, 5)
    client.close()
    assert query(settings, "SELECT trade_id, contracts FROM trades ORDER BY source_offset") == [
        ["0-1", "ᴺᵁᴸᴸ"],
        ["0-3", "ᴺᵁᴸᴸ"],
        ["0-5", "5"],
    ]
    names = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'trades' ORDER BY position"
    found = [name for [name] in query(settings, names)]
    assert found[: len(newer)] == [field["name"] for field in newer]


@pytest.mark.slow
def test_events_delivered_twice_are_stored_once(settings: Settings, events: Events, sink: SinkOf) -> None:
    events.write(TRADES, map(trade, range(50)))
    with sink() as part:
        wait_until(lambda: count(settings) == 50, "50 rows")
        events.write(TRADES, map(trade, range(20, 70)))  # a worker that died, and began again at 20
        wait_until(lambda: count(settings) == 70, "70 rows")
        wait_until(lambda: part.status()["duplicates"] == 30, "30 duplicates")
        assert part.stop() == 0
    with sink("next") as part:  # the marks outlive the process
        events.write(TRADES, map(trade, range(60, 80)))
        wait_until(lambda: count(settings) == 80, "80 rows")
        wait_until(lambda: part.status()["duplicates"] == 10, "10 duplicates")
        assert part.stop() == 0
    assert distinct(settings) == count(settings) == 80


@pytest.mark.slow
def test_kill_9_in_mid_stream_ends_with_the_same_rows(
    settings: Settings, events: Events, sink: SinkOf
) -> None:
    partitions, each = settings.kafka.partitions, 4000
    for partition in range(partitions):
        events.write(TRADES, (trade(number, partition) for number in range(each)))
    total = partitions * each
    with sink("one", sink__batch_rows="300") as one, sink("two", sink__batch_rows="300") as two:
        wait_until(lambda: 1000 < count(settings) < total, "some rows")
        one.kill()
        one.restart()
        wait_until(lambda: count(settings) >= total, "all rows", timeout_s=90)
        events.write(TRADES, (trade(each + number) for number in range(10)))
        wait_until(lambda: count(settings) >= total + 10, "rows written later")
        wait_until(one.status, "the restarted one is up")
        assert two.stop() == 0
        assert one.stop() == 0
    assert distinct(settings) == count(settings) == total + 10
    expected = [trade(number, partition) for partition in range(partitions) for number in range(1, each)]
    expected += [trade(each + number) for number in range(10)]
    notional = sum((event["price"] * event["quantity"] for event in expected), Decimal(0))
    found = query(settings, "SELECT sum(notional) FROM trades WHERE source_offset > 0")
    assert found == [[text_of(notional)]]


def test_bad_records_become_dead_letters_and_the_rest_is_stored(
    settings: Settings, events: Events, sink: SinkOf
) -> None:
    good = [trade(number) for number in range(200)]
    broken = events.value(TRADES, trade(500))[:-3]  # in the wire format, but not a whole datum
    for event in good:
        number = event["source_offset"]
        if number == 50:
            events.raw(TRADES, 0, b'{"not": "avro"}', identity(trade(number)))
        if number == 90:
            events.raw(TRADES, 0, broken, event_id(RAW, 0, 89, 1).encode())
        if number == 120:
            events.raw(TRADES, 0, events.value(TRADES, trade(120), schema_id=999_999), identity(trade(120)))
        if number == 150:
            events.raw(TRADES, 0, events.value(TRADES, trade(150)), None)
        if number == 160:
            events.raw(TRADES, 0, None, identity(trade(160)))
        events.raw(TRADES, 0, events.value(TRADES, event), identity(event))
    events.flush()
    with sink() as part:
        wait_until(lambda: part.status().get("rows") == 200 - 1, "the good rows")
        status = part.status()
        assert part.stop() == 0
    assert status["dead_letters"] == 5
    assert status["halved"] > 0
    assert distinct(settings) == count(settings) == 199
    found = letters(settings, TRADES, 0, 5)
    by_offset = {}
    for message in found:
        headers: dict[str, Any] = dict(message.headers() or [])
        assert headers["__connect.errors.topic"].decode() == settings.kafka.topic_prefix + "trades"
        by_offset[int(headers["__connect.errors.offset"])] = (
            message.value(),
            headers["__connect.errors.exception.class.name"].decode(),
            headers["__connect.errors.exception.message"].decode(),
        )
    assert by_offset[50][0] == b'{"not": "avro"}'
    assert "wire format" in by_offset[50][2]
    assert by_offset[91][:2] == (broken, "DataRefusedError")
    assert "knows no schema 999999" in by_offset[122][2]
    assert "no header event_id" in by_offset[153][2]
    assert by_offset[164][0] is None


def test_while_clickhouse_is_down_the_sink_waits_and_says_so(
    platform: Platform, settings: Settings, events: Events, sink: SinkOf
) -> None:
    events.write(TRADES, map(trade, range(100)))
    with sink() as part:
        wait_until(lambda: count(settings) == 100, "100 rows")
        platform.clickhouse.kill()
        try:
            events.write(TRADES, map(trade, range(100, 200)))
            wait_until(lambda: part.status().get("paused") == 1, "the partition is paused")
            assert "ClickHouse does not answer" in health(part)["clickhouse"]
        finally:
            platform.clickhouse.start()
        wait_until(lambda: count(settings) == 200, "200 rows")
        assert health(part) == {}
        assert part.stop() == 0
    assert distinct(settings) == 200


@pytest.mark.slow
def test_a_kafka_that_was_away_is_found_again(
    platform: Platform, settings: Settings, events: Events, sink: SinkOf
) -> None:
    events.write(TRADES, map(trade, range(100)))
    with sink() as part:
        wait_until(lambda: count(settings) == 100, "100 rows")
        platform.kafka.kill()
        try:
            wait_until(lambda: "kafka" in health(part), "not healthy")
        finally:
            platform.kafka.start()
        events.write(TRADES, map(trade, range(100, 200)))
        wait_until(lambda: count(settings) == 200, "200 rows", timeout_s=90)
        wait_until(lambda: not health(part), "healthy again")
        assert part.stop() == 0
    assert distinct(settings) == 200


def test_a_table_that_is_dropped_stops_the_sink_with_one_sentence_and_loses_nothing(
    settings: Settings, events: Events, sink: SinkOf
) -> None:
    with sink() as part:
        wait_until(lambda: part.status().get("partitions"), "partitions")
        assert ask(settings, "DROP TABLE trades").is_success
        events.write(TRADES, map(trade, range(10)))
        assert part.process.wait(60) == 1
        last = part.log.strip().splitlines()[-1]
        assert last.startswith("bookmill: ClickHouse at ")
        assert "trades" in last
        part.restart()
        wait_until(lambda: count(settings) == 10, "10 rows")
        assert part.stop() == 0


def test_stopping_stores_what_was_read(settings: Settings, events: Events, sink: SinkOf) -> None:
    events.write(TRADES, map(trade, range(30)))
    with sink(sink__batch_ms="600000") as part:
        wait_until(lambda: part.status().get("in_hand") == 30, "30 records in hand")
        assert count(settings) == 0
        assert part.stop() == 0
    assert count(settings) == 30


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"clickhouse__url": "http://127.0.0.1:1"}, "ClickHouse does not answer at http://127.0.0.1:1"),
        pytest.param(
            {"registry__url": "http://127.0.0.1:1"},
            "The schema registry does not answer at http://127.0.0.1:1",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"kafka__bootstrap_servers": "127.0.0.1:1"},
            "Kafka does not answer at 127.0.0.1:1",
            marks=pytest.mark.slow,
        ),
        (
            {"sink__topics": '["tades"]'},
            "Unknown topic 'tades' in sink.topics. Did you mean 'trades'? Known: alerts, book_snapshots, consolidated,",
        ),
    ],
)
def test_what_cannot_start_says_why_in_one_sentence(
    settings: Settings, setting: dict[str, str], sentence: str
) -> None:
    done = run(settings, "sink", **setting)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr.splitlines()[-1]


def run(
    settings: Settings, *arguments: str, stdin: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bookmill", *arguments],
        env=environment(settings, **more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture
def tables(settings: Settings) -> Settings:
    """Empty tables."""
    url = settings.clickhouse.url or ""
    client = connect(settings.clickhouse, url)
    create_tables(
        Store(client, url, settings.clickhouse.database), settings.clickhouse.database, TABLE_TOPICS
    )
    client.close()
    return settings


def test_sql_prints_a_table_or_any_format(tables: Settings) -> None:
    shown = run(tables, "sql", "SELECT count() AS trades FROM trades")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "trades" in shown.stdout
    assert "┌" in shown.stdout
    assert (
        run(tables, "sql", "SELECT 1 AS a, NULL AS b", "--format", "JSONEachRow").stdout
        == '{"a":1,"b":null}\n'
    )
    assert run(tables, "sql", "-", "--format", "CSV", stdin="SELECT 'x', 2").stdout == '"x",2\n'
    assert run(tables, "sql", "SELECT number FROM numbers(200000) FORMAT TSV").stdout.count("\n") == 200_000


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM tades", "Unknown table expression identifier 'tades'"),
        ("SELEC 1", "Syntax error"),
        ("SELECT throwIf(number = 900000) FROM numbers(1000000) FORMAT Null", "throwIf"),
        ("SELECT throwIf(number = 3000000) FROM numbers(4000000) FORMAT TSV", "throwIf"),
        (" ", "There is no query."),
    ],
)
def test_sql_errors_are_one_sentence(tables: Settings, query: str, sentence: str) -> None:
    done = run(tables, "sql", query)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert "__exception__" not in done.stdout


def test_sql_without_clickhouse_says_so(settings: Settings) -> None:
    done = run(settings, "sql", "SELECT 1", clickhouse__url="http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bookmill: ClickHouse does not answer at http://127.0.0.1:1")
