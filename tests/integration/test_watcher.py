"""The watcher on a real broker: the consolidated book, alerts and webhooks, each said once, through a kill."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bookmill.addresses import resolve
from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas.admin import ensure_topics
from schemas.alert_rules import rule_from
from schemas.alert_store import open_store
from schemas.catalogue import EVENT_TOPICS, SPREADS, TRADES, Topic
from schemas.codec import UNIT
from schemas.event_id import HEADER, event_id, is_new
from schemas.events import EventWriter
from schemas.registry import client, register
from streams.alerts_command import alerts as alerts_command
from streams.watcher.webhook import sign
from tests.integration.parts import RunningPart, environment, wait_until
from tests.integration.test_worker import identity, read_all

SECRET = "of the test"
PARTITION = 2


class Receiver:
    """A webhook's other end. ``answer``: what it says to the next request, and then 200."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["X-Bookmill-Signature"]
                seconds = int(signature.partition(",")[0].removeprefix("t="))
                if signature != sign(SECRET.encode(), body, seconds) or abs(time.time() - seconds) > 60:
                    receiver.wrong.append(signature)
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.posts.append(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def alerts(self) -> list[tuple[str, str]]:
        """State and value of each alert; one that was posted just before a kill is posted again, under the same name."""
        return [(one["state"], one["value"]) for one in {one["alert"]: one for one in self.posts}.values()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


class Market:
    """Events of one instrument, as a worker writes them."""

    def __init__(self, settings: Settings, ids: dict[Topic, int], producer: Producer, exchange: str) -> None:
        self.raw = f"{settings.kafka.topic_prefix}raw.{exchange}.spot"
        self.key = f"{exchange}.spot.BTC-USDT".encode()
        self.offset = 0
        self._prefix = settings.kafka.topic_prefix
        self._producer = producer
        self._writer = EventWriter(
            ids, exchange=exchange, market="spot", symbol="BTC-USDT", raw_topic=self.raw, partition=PARTITION
        )

    def _send(self, topic: Topic, write: Callable[[int, int], bytes]) -> None:
        self.offset += 1
        self._producer.produce(
            self._prefix + topic.name,
            write(time.time_ns() // 1000, self.offset),
            self.key,
            PARTITION,
            headers=[(HEADER, event_id(self.raw, PARTITION, self.offset, 0).encode())],
        )
        assert self._producer.flush(10) == 0

    def top(self, bid: int, ask: int) -> None:
        top = (bid * UNIT, UNIT, ask * UNIT, UNIT)
        self._send(
            SPREADS,
            lambda now, offset: self._writer.spread("book", "ws", "live", 1, top, None, now, offset, 0),
        )

    def trade(self, price: int) -> None:
        self._send(
            TRADES,
            lambda now, offset: self._writer.trade(
                "ws", str(offset), price * UNIT, UNIT, None, "BUY", False, None, now, offset, 0
            ),
        )


def distinct(settings: Settings, topic: str) -> list[dict[str, Any]]:
    """What a consumer keeps that drops what it has seen: nothing but what is repeated."""
    messages = [
        one for number in range(settings.kafka.partitions) for one in read_all(settings, topic, number)
    ]
    marks: dict[bytes, bytes] = {}
    kept = [one for one in messages if is_new(identity(one), marks)]
    assert {identity(one) for one in kept} == {identity(one) for one in messages}
    with SchemaRegistryClient({"url": settings.registry.url, "timeout": 10}) as registry:
        deserialize = AvroDeserializer(registry)
        context = SerializationContext(settings.kafka.topic_prefix + topic, MessageField.VALUE)
        return [cast("dict[str, Any]", deserialize(one.value(), context)) for one in kept]


def silent(settings: Settings) -> dict[str, list[str]]:
    """What was said of silent feeds, by exchange, oldest first."""
    found: dict[str, list[str]] = {}
    for one in distinct(settings, "alerts"):
        if one["rule"] == "silent":
            found.setdefault(one["exchange"], []).append(one["state"])
    return found


def bests(found: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (one["bid_price"], one["bid_exchange"], one["ask_price"], one["ask_exchange"], one["venues"])
        for one in sorted(found, key=lambda one: one["source_offset"])
    ]


def test_the_best_of_all_and_alerts_are_said_once_each_through_a_kill(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    addresses = resolve(settings)
    ensure_topics(settings.kafka, addresses.kafka, EVENT_TOPICS)
    with client(settings.registry, addresses.registry) as registry:
        ids = register(registry, addresses.registry, EVENT_TOPICS, prefix=settings.kafka.topic_prefix)
    store = open_store(settings, addresses)
    for given in (
        {
            "id": "level",
            "exchange": "binance",
            "condition": {"kind": "price_crosses", "level": "100", "direction": "up"},
            "webhook": receiver.url,
        },
        {"id": "cross", "symbol": "BTC-*", "condition": {"kind": "cross_venue", "bps": "0"}},
        {"id": "silent", "condition": {"kind": "feed_stale", "seconds": "4", "feed": "prices"}},
    ):
        store.put(rule_from(given), changed_by="test")
    producer = Producer({**client_config(settings.kafka, addresses.kafka), "linger.ms": 0})
    binance, okx = (Market(settings, ids, producer, exchange) for exchange in ("binance", "okx"))
    receiver.answers = [503, 429]
    chosen = environment(
        settings,
        watcher__instance_id="one",
        watcher__stale_after_s="3",
        watcher__checkpoint_interval_s="0.2",
        alerts__webhook_secret=SECRET,
        alerts__webhook_hosts='["127.0.0.1"]',
        alerts__webhook_backoff_initial_s="0.05",
    )
    with RunningPart(["watcher"], chosen, tmp_path / "watcher.log") as watcher:
        binance.trade(99)
        binance.top(98, 99)
        binance.trade(101)
        wait_until(lambda: receiver.posts, "the first alert is posted")
        assert watcher.status()["webhook_results"] == {"delivered": 1}
        watcher.kill()
        binance.trade(102)  # over it still: nothing new
        binance.trade(95)
        binance.top(98, 99)
        okx.top(100, 101)  # its bid is above the other's ask
        binance.top(98, 100)
        watcher.restart()
        wait_until(lambda: len(receiver.alerts()) == 2, "the second alert is posted")
        wait_until(
            lambda: (
                [one["state"] for one in distinct(settings, "alerts") if one["rule"] == "cross"]
                == ["fired", "cleared"]
            ),
            "both of the cross",
        )
        wait_until(lambda: watcher.status()["withdrawn"] >= 2, "both tops are withdrawn")
        wait_until(
            lambda: (
                {one: states[-1] for one, states in silent(settings).items()}
                == {"binance": "fired", "okx": "fired"}
            ),
            "both feeds are silent",
        )
        wait_until(lambda: distinct(settings, "consolidated")[-1]["venues"] == 0, "none is left")
        status = watcher.status()
        assert watcher.stop() == 0
    assert "Traceback" not in watcher.log
    assert status["unreadable"] == 0
    assert receiver.wrong == []
    assert receiver.alerts() == [("fired", "101"), ("cleared", "95")]
    said = distinct(settings, "consolidated")
    assert {(one["symbol"], one["kind"]) for one in said} == {("BTC-USDT", "spot")}
    assert [one["cross_bps"] for one in said if one["venues"] == 2] == [
        Decimal("100.502512562814070352"),
        Decimal(0),
    ]
    # On a slow machine it may have been silent for too long before it was killed.
    before, after = bests(said).index((100, "okx", 99, "binance", 2)), bests(said)[-1]
    assert set(bests(said)[:before]) <= {(98, "binance", 99, "binance", 1), after}
    assert bests(said)[before + 1] == (100, "okx", 100, "binance", 2)
    assert after == (None, None, None, None, 0)
    alerts = sorted(distinct(settings, "alerts"), key=lambda one: one["rule"] == "cross")
    assert [(one["rule"], one["state"], one["exchange"]) for one in alerts if one["rule"] != "silent"] == [
        ("level", "fired", "binance"),
        ("level", "cleared", "binance"),
        ("cross", "fired", "consolidated"),
        ("cross", "cleared", "consolidated"),
    ]
    for states in silent(settings).values():
        assert states == ["fired", "cleared"] * (len(states) // 2) + ["fired"]

    rows = len(said) + len(alerts)
    stores = environment(settings, sink__topics='["consolidated", "alerts"]')
    with RunningPart(["sink"], stores, tmp_path / "sink.log") as sink:
        wait_until(lambda: sink.status().get("rows", 0) >= rows and sink.status()["lag"] == 0, "all stored")
        assert sink.status()["rows"] == rows
        assert sink.status()["dead_letters"] == 0
        assert sink.stop() == 0
    said_to = CliRunner().invoke(
        alerts_command, ["log", "--json", "--rule", "level"], env=environment(settings)
    )
    assert [json.loads(line)["value"] for line in said_to.output.splitlines()] == ["95", "101"]
    compare_with_the_gateway(settings, alerts, tmp_path / "gateway.log")


def shares(settings: Settings) -> list[dict[str, frozenset[int]]]:
    """Partitions by topic of each watcher in the group."""
    group = settings.kafka.topic_prefix + settings.watcher.group
    admin = AdminClient(client_config(settings.kafka, settings.kafka.bootstrap_servers or ""))
    found: list[dict[str, frozenset[int]]] = []
    for member in admin.describe_consumer_groups([group])[group].result(10).members:
        mine: dict[str, set[int]] = {}
        for place in member.assignment.topic_partitions:
            mine.setdefault(place.topic, set()).add(place.partition)
        found.append({topic: frozenset(numbers) for topic, numbers in mine.items()})
    return found


def compare_with_the_gateway(settings: Settings, alerts: Sequence[dict[str, Any]], log: Path) -> None:
    """Rules and alerts over REST: what was made, and what the topic says, page by page."""
    with RunningPart(["gateway"], environment(settings, gateway__port="0"), log) as gateway:
        served = "gateway is served"
        wait_until(lambda: served in gateway.log, "it is served")
        [line] = [line for line in gateway.log.splitlines() if served in line]
        address = line.rpartition("address=")[2].split()[0]
        with httpx2.Client(base_url=f"{address}/api/v1", timeout=20) as http:
            wait_until(lambda: len(http.get("/alerts/rules").json()["data"]) == 3, "all rules are known")
            rule = {"condition": {"kind": "gap_opened"}}
            assert http.post("/alerts/rules", json={**rule, "id": "more"}).status_code == 201
            assert http.put("/alerts/rules/more", json={**rule, "on": False}).json()["data"]["on"] is False
            shown = [(one["id"], one["on"]) for one in http.get("/alerts/rules").json()["data"]]
            assert shown == [("cross", True), ("level", True), ("more", False), ("silent", True)]
            assert http.delete("/alerts/rules/more").status_code == 200
            assert http.get("/alerts/rules/more").status_code == 404
            pages: list[dict[str, Any]] = []
            cursor: str | None = ""
            while cursor is not None:
                answer = http.get("/alerts", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
                pages += answer.json()["data"]
                cursor = answer.json()["next"]
            assert sorted((one["alert"], one["state"]) for one in pages) == sorted(
                (one["alert"], one["state"]) for one in alerts
            )
            [fired] = http.get("/alerts", params={"rule": "level", "state": "fired"}).json()["data"]
            assert (fired["value"], fired["threshold"]) == ("101", "100")
            wait_until(lambda: http.get("/consolidated/BTC-USDT").is_success, "the best of all is known")
            wait_until(
                lambda: http.get("/consolidated/BTC-USDT").json()["data"][0]["bid_price"] is None,
                "none is left",
            )
        assert gateway.stop() == 0


@pytest.mark.slow
def test_watchers_share_whole_partitions_and_one_takes_over_when_the_other_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    addresses = resolve(settings)
    ensure_topics(settings.kafka, addresses.kafka, EVENT_TOPICS)
    with client(settings.registry, addresses.registry) as registry:
        ids = register(registry, addresses.registry, EVENT_TOPICS, prefix=settings.kafka.topic_prefix)
    producer = Producer({**client_config(settings.kafka, addresses.kafka), "linger.ms": 0})
    binance, okx = (Market(settings, ids, producer, exchange) for exchange in ("binance", "okx"))
    chosen = environment(settings, watcher__session_timeout_s="6", watcher__stale_after_s="300")
    with (
        RunningPart(["watcher"], chosen, tmp_path / "one.log") as one,
        RunningPart(["watcher"], chosen, tmp_path / "two.log") as two,
    ):
        watchers = (one, two)
        wait_until(
            lambda: (
                all(each.status().get("partitions") for each in watchers)
                and sum(each.status()["partitions"] for each in watchers) == 21
            ),
            "both have some",
            timeout_s=150,
        )
        # Whether a feed is silent can be said only by who reads all of it.
        for share in shares(settings):
            assert len(set(share.values())) == 1
            assert len(share) == 7
        binance.top(100, 101)
        wait_until(lambda: distinct(settings, "consolidated"), "it is said")
        busy = one if one.status()["consolidated_events"] else two
        other = two if busy is one else one
        busy.kill()
        okx.top(99, 102)
        binance.top(100, 103)
        wait_until(lambda: other.status()["partitions"] == 21, "the other has all", timeout_s=150)
        wait_until(lambda: len(distinct(settings, "consolidated")) == 3, "all is said")
        assert other.stop() == 0
    assert bests(distinct(settings, "consolidated")) == [
        (100, "binance", 101, "binance", 1),
        (100, "binance", 101, "binance", 2),
        (100, "binance", 102, "okx", 2),
    ]
