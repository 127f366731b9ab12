"""The embedded platform's parts are real servers, keep what they were given, and end with their parent."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import fastavro
import psutil
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from bookmill.errors import PlatformError, PortInUseError
from bookmill.settings import PlatformSettings, Settings
from embedded.platform import Platform

ROW = {"type": "record", "name": "Row", "fields": [{"name": "a", "type": "long"}]}


def eventually(condition: Callable[[], bool], within_s: float = 30.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


def client_of(settings: Settings, *, database: str | None = None) -> Client:
    host, _, port = (settings.clickhouse.url or "").removeprefix("http://").partition(":")
    return clickhouse_connect.get_client(host=host, port=int(port), database=database or "default")


@pytest.fixture
def client(settings: Settings) -> Client:
    """An ordinary client whose database exists and holds a table ``t (a Int64)`` that drops repeated batches."""
    client_of(settings).command(f"CREATE DATABASE {settings.clickhouse.database}")
    client = client_of(settings, database=settings.clickhouse.database)
    client.command(
        "CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    return client


def container(values: range) -> bytes:
    buffer = io.BytesIO()
    fastavro.writer(buffer, ROW, [{"a": value} for value in values])
    return buffer.getvalue()


def insert(client: Client, values: range, token: str) -> None:
    client.raw_insert(
        "t", insert_block=container(values), fmt="Avro", settings={"insert_deduplication_token": token}
    )


@pytest.mark.slow
def test_a_record_goes_through_kafka_and_committed_offsets_survive_a_kill(
    platform: Platform, settings: Settings
) -> None:
    topic = f"{settings.kafka.topic_prefix}raw"
    admin = AdminClient({"bootstrap.servers": platform.addresses.kafka})
    admin.create_topics([NewTopic(topic, 2)])[topic].result(10)
    producer = Producer(
        {"bootstrap.servers": platform.addresses.kafka, "acks": "all", "compression.type": "lz4"}
    )
    for number in range(100):
        producer.produce(topic, str(number).encode(), partition=number % 2)
    assert producer.flush(10) == 0

    platform.kafka.kill()
    platform.kafka.start()

    consumer = Consumer(
        {"bootstrap.servers": platform.addresses.kafka, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    read: list[bytes | None] = []

    def all_read() -> bool:
        read.extend(message.value() for message in consumer.consume(100, 0.2))
        return len(read) >= 100

    assert eventually(all_read)
    consumer.close()
    assert sorted(int(value or b"") for value in read) == list(range(100))


def test_schema_ids_survive_a_kill_of_the_registry(platform: Platform, settings: Settings) -> None:
    subject = f"{settings.kafka.topic_prefix}trades-value"
    schema = Schema(json.dumps(ROW), "AVRO")
    with SchemaRegistryClient({"url": platform.addresses.registry, "timeout": 10}) as client:
        schema_id = client.register_schema(subject, schema)

    platform.registry.kill()
    platform.registry.start()
    with SchemaRegistryClient({"url": platform.addresses.registry, "timeout": 10}) as client:
        assert client.get_latest_version(subject).schema_id == schema_id
        assert client.register_schema(subject, schema) == schema_id


def test_repeated_batches_are_dropped_also_after_a_kill_of_clickhouse(
    platform: Platform, settings: Settings, client: Client
) -> None:
    insert(client, range(1000), "one")
    insert(client, range(1000), "one")
    insert(client, range(1000, 1500), "two")

    platform.clickhouse.kill()
    platform.clickhouse.start()

    client = client_of(settings, database=settings.clickhouse.database)
    assert client.command("SELECT count() FROM t") == 1500
    insert(client, range(1000, 1500), "two")
    insert(client, range(1500, 1600), "three")
    assert client.command("SELECT count() FROM t") == 1600


def test_errors_have_the_code_of_clickhouse(client: Client) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.query("SELECT * FROM nowhere")
    assert str(refused.value.code) == "60"
    with pytest.raises(DatabaseError, match="Magic does not match"):
        client.raw_insert("t", insert_block=b"no container", fmt="Avro")
    assert client.command("SELECT count() FROM t") == 0


def test_a_long_query_holds_up_nobody(platform: Platform, settings: Settings, client: Client) -> None:
    query = "SELECT sum(sipHash64(number)) FROM numbers(10000000000) SETTINGS max_execution_time = 4, max_threads = 1"
    slow = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import urllib.request as r; r.urlopen({platform.addresses.clickhouse!r}, {query.encode()!r})",
        ],
        stderr=subprocess.DEVNULL,
    )
    running = "SELECT count() > 1 FROM system.processes WHERE query LIKE '%sipHash64(number)) FROM numbers%'"
    try:
        assert eventually(lambda: client.command(running) == 1)
        insert(client, range(10), "while it runs")
        assert client.command("SELECT count() FROM t") == 10
        assert slow.poll() is None
    finally:
        slow.kill()
        slow.wait()


def test_curl_like_requests_get_rows_headers_and_statuses(platform: Platform) -> None:
    import httpx2

    with httpx2.Client(base_url=platform.addresses.clickhouse) as http:
        assert http.get("/ping").text == "Ok.\n"
        answer = http.get("/", params={"query": "SELECT 1 AS x FORMAT JSONEachRow", "query_id": "q1"})
        assert (answer.json(), answer.headers["X-ClickHouse-Query-Id"]) == ({"x": 1}, "q1")
        assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
        gone = http.post("/", params={"database": "nowhere"}, content="SELECT 1")
        assert (gone.status_code, gone.headers["X-ClickHouse-Exception-Code"]) == (404, "81")
        assert http.get("/", params={"query": "DROP TABLE t"}).headers["X-ClickHouse-Exception-Code"] == "164"
        assert http.post("/?param_n=7", content="SELECT {n:UInt8} * 6").text == "42\n"
        assert (
            http.post(
                "/",
                params={"enable_http_compression": 1},
                headers={"Accept-Encoding": "gzip"},
                content="SELECT 5",
            ).text
            == "5\n"
        )


def test_settings_of_a_request_end_with_it(platform: Platform) -> None:
    import httpx2

    ask = "SELECT getSetting('max_threads')"
    with httpx2.Client(base_url=platform.addresses.clickhouse, params={"session_id": "s1"}) as http:
        usual = http.post("/", content=ask).text
        assert http.post("/", params={"max_threads": 7}, content=ask).text == "7\n"
        assert http.post("/", content=ask).text == usual
        http.post("/", content="SET max_threads = 9")
        assert http.post("/", params={"max_threads": 7}, content=ask).text == "7\n"
        assert http.post("/", content=ask).text == "9\n"


def test_a_second_platform_on_the_same_folder_is_refused(platform: Platform, settings: Settings) -> None:
    with pytest.raises(PlatformError, match="already uses the data folder"):
        Platform(Settings(data_dir=platform.data_dir)).start()


def test_a_port_the_user_asked_for_and_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ours = Settings(data_dir=tmp_path, platform=PlatformSettings(clickhouse_port=port))
        with pytest.raises(PortInUseError, match=str(port)):
            Platform(ours).start()


def runs(pid: int) -> bool:
    """Whether it is there and more than a zombie that its adopted parent has not looked at yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def bookmill(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BOOKMILL_DATA_DIR": str(data_dir)}
    environment["BOOKMILL_PLATFORM__GATEWAY_FIRST"] = (
        "false"  # beside other tests nobody would let it have a processor
    )
    for name in ("KAFKA", "REGISTRY", "CLICKHOUSE"):
        environment[f"BOOKMILL_PLATFORM__{name}_PORT"] = "0"
    return subprocess.run(
        [sys.executable, "-m", "bookmill", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_in_the_background_it_is_started_once_and_its_parts_end_when_it_is_killed(tmp_path: Path) -> None:
    try:
        first = bookmill(tmp_path, "platform", "start", "--json")
        assert first.returncode == 0, first.stderr
        state = json.loads(first.stdout)
        assert state["healthy"]
        again = bookmill(tmp_path, "platform", "start", "--json")
        assert json.loads(again.stdout)["pid"] == state["pid"]
        refused = bookmill(tmp_path, "platform", "reset", "--yes")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)

        # A part that dies is started again by the supervisor.
        os.kill(state["parts"]["clickhouse"]["pid"], signal.SIGKILL)
        assert eventually(
            lambda: json.loads(bookmill(tmp_path, "platform", "status", "--json").stdout)["healthy"]
        )

        parts = json.loads(bookmill(tmp_path, "platform", "status", "--json").stdout)["parts"]
        assert parts["clickhouse"]["pid"] != state["parts"]["clickhouse"]["pid"]
        os.kill(state["pid"], signal.SIGKILL)
        restarted = bookmill(tmp_path, "platform", "start", "--json")
        assert restarted.returncode == 0, restarted.stderr
        assert eventually(lambda: not any(runs(part["pid"]) for part in parts.values()))
        kept = json.loads(restarted.stdout)["parts"]
        assert [part["address"] for part in kept.values()] == [part["address"] for part in parts.values()]
    finally:
        stopped = bookmill(tmp_path, "platform", "stop")
    assert stopped.returncode == 0
    assert bookmill(tmp_path, "platform", "stop").returncode == 0
    assert bookmill(tmp_path, "platform", "status").returncode == 1
    assert bookmill(tmp_path, "platform", "reset", "--yes").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["platform.lock"]
