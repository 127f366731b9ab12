"""Producers and ``replay`` as real processes between a simulated exchange and a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bookmill.kafka import client_config
from bookmill.settings import Settings
from embedded.platform import Platform
from schemas.catalogue import CONTROL_REQUESTS, raw
from tests.integration.parts import RunningPart, environment, wait_until

RAW = raw("binance", "spot").name
SNAPSHOT = '{"lastUpdateId":1,"bids":[["60000.00","1.0"]],"asks":[["60000.01","1.0"]]}'
START_NS = 1_723_161_255_030_314_667


def recorded(count: int) -> list[tuple[int, str]]:
    """Lines of a recording: trades, best bids and asks, diffs in turn, the snapshot after the first ten."""
    makers = (
        lambda n: (
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{n},"s":"BTCUSDT","t":{n},"p":"1.0","q":"1","T":{n},"m":true,"M":true}}}}'
        ),
        lambda n: (
            f'{{"stream":"btcusdt@bookTicker","data":{{"u":{n},"s":"BTCUSDT","b":"1.0","B":"1","a":"1.1","A":"1"}}}}'
        ),
        lambda n: (
            f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{n},"s":"BTCUSDT","U":{n},"u":{n},"b":[["1.0","{n}"]],"a":[]}}}}'
        ),
    )
    lines = [(START_NS + number * 1_000_000, makers[number % 3](number + 2)) for number in range(count)]
    lines.insert(10, (lines[9][0], SNAPSHOT))
    return lines


def frames_of(lines: Sequence[tuple[int, str]]) -> list[bytes]:
    return [frame.encode() for _, frame in lines if frame != SNAPSHOT]


def write_recording(path: Path, lines: Sequence[tuple[int, str]]) -> Path:
    path.write_text("".join(f"{time_ns} {frame}\n" for time_ns, frame in lines))
    return path


class Stage(ExitStack):
    """A simulated exchange and a producer on it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__()
        self.settings = settings
        self._folder = folder
        self._addresses: dict[str, dict[str, str]] = {}

    def simulate(self, *options: str) -> RunningPart:
        """The exchange: its addresses are where producers go from now on."""
        part = self.enter_context(
            RunningPart(
                ["simulate", "--json", *options], environment(self.settings), self._folder / "simulate.log"
            )
        )
        assert part.process.stdout
        self._addresses = json.loads(part.process.stdout.readline())
        return part

    def produce(self, *options: str, symbols: Sequence[str] = ("BTC-USDT",), **more: str) -> RunningPart:
        """A producer of the simulated markets."""
        return self.enter_context(
            RunningPart(
                ["produce", *options], self.environment(symbols, **more), self._folder / "produce.log"
            )
        )

    def environment(self, symbols: Sequence[str], **more: str) -> dict[str, str]:
        markets = {
            market: {
                "symbols": list(symbols),
                "websocket_url": address["websocket"],
                "rest_url": address["rest"],
            }
            for market, address in self._addresses.items()
        }
        return environment(self.settings, exchanges=json.dumps({"binance": markets}), **more)

    def fault(self, name: str, **arguments: Any) -> None:
        """Make the spot market misbehave."""
        answer = httpx2.post(
            self._addresses["spot"]["rest"] + "/simulator/faults", json={"fault": name, **arguments}
        )
        assert answer.status_code == 200, answer.text

    def sent(self) -> dict[str, Any]:
        """The spot market's counts."""
        counts: dict[str, Any] = httpx2.get(self._addresses["spot"]["rest"] + "/simulator/counts").json()
        return counts

    def records(self, topic: str = RAW) -> list[Message]:
        """All records of a topic, partition by partition."""
        prefix = self.settings.kafka.topic_prefix
        consumer = Consumer(
            {
                **client_config(self.settings.kafka, self.settings.kafka.bootstrap_servers or ""),
                "group.id": f"{prefix}test",
                "enable.auto.commit": False,
            }
        )
        try:
            partitions = consumer.list_topics(prefix + topic, timeout=10).topics[prefix + topic].partitions
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(prefix + topic, number), timeout=10)[1]
                for number in partitions
            }
            consumer.assign([TopicPartition(prefix + topic, number, 0) for number in ends])
            found: list[Message] = []
            while len(found) < sum(ends.values()):
                found += consumer.consume(1000, timeout=1)
            return found
        finally:
            consumer.close()

    def ask_for_snapshot(self, symbol: str = "BTC-USDT", *, times: int = 1) -> None:
        """What a worker writes to control.requests, ``times`` of it at once."""
        settings = self.settings
        topic = settings.kafka.topic_prefix + CONTROL_REQUESTS.name
        request = {
            "exchange": "binance",
            "market": "spot",
            "symbol": symbol,
            "wire_symbol": symbol.replace("-", ""),
            "kind": "resync",
            "reason": "gap",
            "requested_time": time.time_ns() // 1000,
        }
        producer = Producer(client_config(settings.kafka, settings.kafka.bootstrap_servers or ""))
        with SchemaRegistryClient({"url": settings.registry.url, "timeout": 10}) as registry:
            serialize = AvroSerializer(registry, CONTROL_REQUESTS.schema_text)
            value = serialize(request, SerializationContext(topic, MessageField.VALUE))
        for _ in range(times):
            producer.produce(topic, value, f"binance.spot.{symbol}")
        assert producer.flush(10) == 0


@pytest.fixture
def stage(settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    with Stage(settings, tmp_path) as opened:
        yield opened


def market(part: RunningPart) -> dict[str, Any]:
    found: dict[str, Any] = part.status().get("markets", {}).get("binance.spot", {})
    return found


def header(message: Message, name: str) -> str:
    return dict(message.headers() or [])[name].decode()  # type: ignore[arg-type]


def frames(messages: list[Message]) -> list[Message]:
    """Without those that say that frames may be missing."""
    return [message for message in messages if header(message, "kind") != "lost"]


def test_frames_arrive_byte_for_byte_in_order_with_their_headers(stage: Stage, tmp_path: Path) -> None:
    lines = recorded(5000)
    path = write_recording(tmp_path / "recording", lines)
    stage.simulate("--recording", f"spot:BTC-USDT={path}", "--speed", "max")
    before_ns = time.time_ns()
    part = stage.produce()
    wait_until(lambda: market(part).get("frames") == 5000, "all frames are there")
    assert part.stop() == 0
    everything = stage.records()
    messages = frames(everything)
    begun = len(everything) - len(messages)  # each stream says that it starts
    assert [message.value() for message in messages] == frames_of(lines)
    assert {message.key() for message in messages} == {b"BTCUSDT"}
    assert {message.partition() for message in messages} == {messages[0].partition()}
    assert [header(message, "frame") for message in messages] == [
        str(begun + number) for number in range(5000)
    ]
    assert len({header(message, "connection") for message in messages}) == 1
    assert [header(message, "channel") for message in messages[:3]] == ["trade", "bookTicker", "depth"]
    assert {(header(message, "kind"), header(message, "symbol")) for message in messages} == {
        ("ws", "BTC-USDT")
    }
    times = [int(header(message, "receive_time_ns")) for message in messages]
    assert times == sorted(times)
    assert before_ns < times[0] < time.time_ns()
    names = [name for name, _ in messages[0].headers() or []]
    assert names == ["receive_time_ns", "kind", "channel", "connection", "frame", "symbol"]


def test_snapshots_are_served_on_request_once_and_through_429(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "50")
    part = stage.produce(symbols=("BTC-USDT", "ETH-USDT"))
    wait_until(lambda: market(part).get("state") == "connected", "connected")
    stage.ask_for_snapshot("SOL-USDT")  # not collected here
    stage.fault("refuse_snapshots", count=1, status=429, retry_after_s=2)
    started_s = time.monotonic()
    stage.ask_for_snapshot(times=3)
    wait_until(lambda: market(part)["snapshots"] == 1, "the snapshot is served")
    assert time.monotonic() - started_s >= 2
    assert market(part)["rest"]["refused"] == 1
    stage.ask_for_snapshot("ETH-USDT")
    wait_until(lambda: market(part)["snapshots"] == 2, "the next one too")
    assert market(part)["weight_used"] <= 3000
    assert part.stop() == 0
    messages = stage.records()
    snapshots = [message for message in messages if header(message, "kind") == "snapshot"]
    assert sorted(message.key() or b"" for message in snapshots) == [b"BTCUSDT", b"ETHUSDT"]
    for one in snapshots:
        body = json.loads(one.value() or b"")
        assert set(body) == {"lastUpdateId", "bids", "asks"}
        beside = next(each for each in messages if each.key() == one.key() and header(each, "kind") == "ws")
        assert one.partition() == beside.partition()
        assert header(one, "channel") == "snapshot"
    assert stage.sent()["rest"]["snapshots"] == 2


@pytest.mark.slow
def test_a_cut_a_freeze_and_a_shutdown_are_survived(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "300")
    part = stage.produce(producer__silent_after_s="1.5", producer__backoff_initial_s="0.05")
    wait_until(lambda: market(part).get("frames", 0) > 100, "frames flow")
    stage.fault("cut_connections")
    wait_until(lambda: market(part)["lost"] == 1 and market(part)["state"] == "connected", "after the cut")
    stage.fault("announce_shutdown")
    wait_until(lambda: market(part)["replaced"] == 1, "a successor after the notice")
    stage.fault("freeze_connections")
    wait_until(lambda: market(part)["lost"] == 2 and market(part)["state"] == "connected", "after the freeze")
    before = market(part)["frames"]
    wait_until(lambda: market(part)["frames"] > before + 100, "frames flow again")
    assert part.stop() == 0


@pytest.mark.slow
def test_a_rotation_writes_every_frame_once(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "2000")
    part = stage.produce(producer__rotate_after_s="2", producer__rotate_overlap_s="1")
    wait_until(lambda: market(part).get("replaced", 0) >= 3, "rotated")
    assert part.stop() == 0
    for channel, number in (("trade", '"t":'), ("bookTicker", '"u":')):
        seen = [
            int((message.value() or b"").decode().split(number)[1].split(",")[0])
            for message in frames(stage.records())
            if header(message, "channel") == channel
        ]
        assert seen == sorted(set(seen))
        if channel == "trade":
            assert seen == list(range(seen[0], seen[-1] + 1))
    assert stage.sent()["connections"]["too_many_messages"] == 0


@pytest.mark.slow
def test_while_kafka_stands_still_the_exchange_is_read_slower_and_nothing_is_lost(
    stage: Stage, platform: Platform
) -> None:
    stage.simulate("--market", "spot", "--rate", "2000")
    part = stage.produce(producer__kafka_buffer_messages="1000", producer__silent_after_s="2")
    wait_until(lambda: market(part).get("frames", 0) > 500, "frames flow")
    broker = platform.pids()["kafka"]
    os.kill(broker, signal.SIGSTOP)
    try:
        wait_until(lambda: part.status()["throttles"] >= 1, "the reader waits")
        held = part.status()["frames"]
        time.sleep(3)
        assert part.status()["frames"] == held
    finally:
        os.kill(broker, signal.SIGCONT)
    wait_until(lambda: part.status()["frames"] > held + 5000, "frames flow again")
    status = part.status()
    assert status["throttled_s"] >= 3
    assert (status["undelivered"], market(part)["lost"]) == (0, 0)
    assert part.stop() == 0
    messages = stage.records()
    assert sorted(int(header(message, "frame")) for message in messages) == list(range(len(messages)))
    trades = [
        int((message.value() or b"").decode().split('"t":')[1].split(",")[0])
        for message in frames(messages)
        if header(message, "channel") == "trade"
    ]
    assert trades == list(range(trades[0], trades[0] + len(trades)))


def test_an_unknown_symbol_is_named_and_the_others_are_collected(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "50")
    part = stage.produce(symbols=("BTC-USDX", "ETHUSDT"))
    wait_until(lambda: market(part).get("frames", 0) > 0, "frames of the other")
    assert market(part)["unknown_symbols"] == ["BTC-USDX"]
    assert "Did you mean 'BTC-USDT'?" in part.log
    assert part.stop() == 0


def test_only_unknown_symbols_end_in_one_sentence(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "50")
    part = stage.produce(symbols=("BTC-USDX",))
    assert part.process.wait(30) == 1
    assert part.log.splitlines()[-1].startswith(
        "bookmill: binance.spot has no instrument 'BTC-USDX'. Did you mean 'BTC-USDT'?"
    )
    assert "Traceback" not in part.log


def test_an_unreachable_exchange_is_shown_and_waited_for(stage: Stage) -> None:
    exchange = stage.simulate("--market", "spot", "--rate", "50")
    exchange.kill()
    part = stage.produce(producer__backoff_max_s="0.5")
    wait_until(lambda: market(part).get("state") == "unreachable", "unreachable")
    assert part.process.poll() is None
    assert part.stop() == 0


@pytest.mark.slow
def test_a_killed_producer_starts_again_where_the_exchange_is(stage: Stage) -> None:
    stage.simulate("--market", "spot", "--rate", "200")
    part = stage.produce()
    wait_until(lambda: market(part).get("frames", 0) > 50, "frames flow")
    part.kill()
    wait_until(lambda: stage.sent()["connections"]["open"] == 0, "its socket is gone with it")
    part.restart()
    wait_until(lambda: market(part).get("frames", 0) > 50, "frames flow again")
    assert part.stop() == 0
    connections = {header(message, "connection") for message in stage.records()}
    assert len(connections) == 2


def replay(settings: Settings, *paths: Path, more: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [
        "replay",
        *map(str, paths),
        "--exchange",
        "binance",
        "--market",
        "spot",
        "--symbol",
        "BTC-USDT",
    ]
    return subprocess.run(
        [sys.executable, "-m", "bookmill", *command, *more],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_replay_writes_what_a_producer_would_have(stage: Stage, tmp_path: Path) -> None:
    lines = recorded(1000)
    first = write_recording(tmp_path / "first", lines[:400])
    second = write_recording(tmp_path / "second", lines[400:])
    done = replay(stage.settings, first, second, more=["--json"])
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    messages = stage.records()
    assert [(message.value() or b"").decode() for message in messages] == [frame for _, frame in lines]
    assert [int(header(message, "receive_time_ns")) for message in messages] == [
        time_ns for time_ns, _ in lines
    ]
    assert [header(message, "frame") for message in messages] == [str(number) for number in range(1001)]
    assert header(messages[10], "kind") == header(messages[10], "channel") == "snapshot"
    assert {message.partition() for message in messages} == {said["partition"]}
    assert (said["records"], said["first_offset"], said["last_offset"]) == (1001, 0, 1000)
    again = json.loads(replay(stage.settings, first, second, more=["--json"]).stdout)
    assert (again["partition"], again["first_offset"]) == (said["partition"], 1001)


def test_a_broken_recording_writes_nothing(stage: Stage, tmp_path: Path) -> None:
    lines = recorded(100)
    good, broken = write_recording(tmp_path / "good", lines[:50]), tmp_path / "broken"
    broken.write_text(f"{START_NS} not json\n")
    done = replay(stage.settings, good, broken)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{broken}, line 1: the frame is not JSON" in done.stderr
    assert "Traceback" not in done.stderr
    assert replay(stage.settings, good, more=["--json"]).returncode == 0
    assert len(stage.records()) == 50


def test_waiting_without_a_worker_says_so(stage: Stage, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "recording", recorded(20))
    done = replay(stage.settings, path, more=["--wait", "--patience", "2"])
    assert done.returncode == 1
    assert "has no members. Start one with 'bookmill worker'" in " ".join(done.stderr.split())
