"""Producers that share instruments: one is killed, one joins, one leaves, and what is wanted changes meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas.catalogue import raw
from tests.integration.parts import RunningPart, environment, wait_until

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT", "DOGE-USDT")
KEYS = {f"binance.spot.{symbol}" for symbol in SYMBOLS}
STARTED_S = 150.0
"""A machine that is busy with other tests needs long for two producers and a rebalance."""


class Stage(ExitStack):
    """A simulated spot market and shared producers on it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__()
        self.settings = settings
        self._folder = folder
        simulator = self.enter_context(
            RunningPart(
                ["simulate", "--json", "--market", "spot", "--rate", "60", "--symbols", ",".join(SYMBOLS)],
                environment(settings),
                folder / "simulate.log",
            )
        )
        assert simulator.process.stdout
        self._address = json.loads(simulator.process.stdout.readline())["spot"]

    def environment(self, symbols: Sequence[str], **more: str) -> dict[str, str]:
        market = {
            "symbols": list(symbols),
            "channels": ["book", "trades"],
            "websocket_url": self._address["websocket"],
            "rest_url": self._address["rest"],
        }
        return environment(self.settings, exchanges=json.dumps({"binance": {"spot": market}}), **more)

    def produce(self, name: str, symbols: Sequence[str] = (), **more: str) -> RunningPart:
        return self.enter_context(
            RunningPart(
                ["produce", "--shared"],
                self.environment(symbols, producer__connection_id=name, **more),
                self._folder / f"{name}.log",
            )
        )

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bookmill", *arguments],
            env=self.environment(()),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def trades(self, since_s: float = 0.0) -> dict[str, list[tuple[int, str]]]:
        """Trade id and connection of each raw trade, by wire symbol, in the order of the topic."""
        topic = self.settings.kafka.topic_prefix + raw("binance", "spot").name
        found: dict[str, list[tuple[int, str]]] = {}
        for message in self._records(topic):
            headers = dict(message.headers() or [])
            if headers["channel"] != b"trade" or int(headers["receive_time_ns"]) < since_s * 1e9:
                continue
            number = json.loads(message.value() or b"")["data"]["t"]
            connection = headers["connection"].decode()
            found.setdefault((message.key() or b"").decode(), []).append((number, connection))
        return found

    def _records(self, topic: str) -> list[Message]:
        consumer = Consumer(
            {
                **client_config(self.settings.kafka, self.settings.kafka.bootstrap_servers or ""),
                "group.id": f"{topic}.test",
                "enable.auto.commit": False,
            }
        )
        try:
            numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                for number in numbers
            }
            consumer.assign([TopicPartition(topic, number, 0) for number in ends])
            found: list[Message] = []
            while len(found) < sum(ends.values()):
                found += consumer.consume(1000, timeout=1)
            return found
        finally:
            consumer.close()


@pytest.fixture
def stage(settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    with Stage(settings, tmp_path) as opened:
        yield opened


def sharing(part: RunningPart) -> dict[str, Any]:
    found: dict[str, Any] = part.status().get("subscriptions", {})
    return found


def steady(part: RunningPart) -> set[str]:
    """What a producer collects, when none of it is on its way."""
    now = sharing(part)
    states = now.get("states", {})
    return set(now["collected"]) if states and not states["starting"] and not states["leaving"] else set()


def ages(part: RunningPart) -> dict[str, float | None]:
    found: dict[str, float | None] = part.status()["markets"]["binance.spot"]["age_s"]
    return found


def wire(key: str) -> str:
    return key.rpartition(".")[2].replace("-", "")


@pytest.mark.slow
def test_the_instruments_of_a_killed_producer_are_taken_over(stage: Stage) -> None:
    first, second = stage.produce("first", SYMBOLS), stage.produce("second", SYMBOLS)
    wait_until(
        lambda: steady(first) and steady(second) and steady(first) | steady(second) == KEYS,
        "both share the instruments",
        timeout_s=STARTED_S,
    )
    orphans = steady(first)
    assert orphans.isdisjoint(steady(second))
    rows = [json.loads(line) for line in stage.command("subscriptions", "--json").splitlines()]
    by_producer = {row["symbol"]: row["producer"] for row in rows if row["on"]}
    assert by_producer == {
        symbol: "first" if f"binance.spot.{symbol}" in orphans else "second" for symbol in SYMBOLS
    }

    first.kill()
    killed_s = time.monotonic()
    wait_until(lambda: steady(second) == KEYS, "the other collects all", timeout_s=STARTED_S)
    took_s = time.monotonic() - killed_s
    sys.stderr.write(f"taken over {took_s:.1f} s after kill -9\n")
    assert all((age or 99.0) < took_s for name, age in ages(second).items() if name.startswith("depth"))
    assert second.stop() == 0


@pytest.mark.slow
def test_planned_moves_lose_no_frame_and_what_is_wanted_can_be_changed_meanwhile(stage: Stage) -> None:
    first = stage.produce("first", SYMBOLS[:4])
    all_four = {key for key in KEYS if key.rpartition(".")[2] in SYMBOLS[:4]}
    wait_until(lambda: steady(first) == all_four, "one alone collects all", timeout_s=STARTED_S)
    begun_s = time.time()
    second = stage.produce("second")
    wait_until(
        lambda: steady(first) and steady(second) and steady(first) | steady(second) == all_four,
        "both share the instruments",
        timeout_s=STARTED_S,
    )
    stage.command("subscribe", "binance.spot", "DOGE-USDT", "--channels", "trades")
    stage.command("unsubscribe", "binance.spot", "BTC-USDT")
    wanted = all_four - {"binance.spot.BTC-USDT"} | {"binance.spot.DOGE-USDT"}
    wait_until(lambda: steady(first) | steady(second) == wanted, "what is wanted now is collected")
    stage.command("subscribe", "binance.spot", "DOGEE-USDT")
    wait_until(
        lambda: sharing(first)["states"]["refused"] + sharing(second)["states"]["refused"] == 1,
        "what cannot be collected is shown",
    )
    assert "has no instrument 'DOGEE-USDT'. Did you mean 'DOGE-USDT'?" in first.log + second.log
    moved = steady(second)
    assert second.stop(60) == 0
    wait_until(lambda: steady(first) == wanted, "the other has all again")
    time.sleep(1.0)
    assert first.stop() == 0

    trades = stage.trades(begun_s)
    for key in wanted - {"binance.spot.DOGE-USDT"}:
        numbers = [number for number, _ in trades[wire(key)]]
        assert set(numbers) == set(range(min(numbers), max(numbers) + 1)), key
        owners = {connection.partition("-")[0] for _, connection in trades[wire(key)]}
        assert (key in moved) <= (owners == {"first", "second"})


@pytest.mark.slow
def test_a_producer_that_was_away_gives_up_what_another_has_taken_over(
    settings: Settings, tmp_path: Path
) -> None:
    """One partition, so that nothing is left for the one that comes back."""
    kafka = settings.kafka.model_copy(update={"partitions": 1})
    with Stage(settings.model_copy(update={"kafka": kafka}), tmp_path) as stage:
        first = stage.produce("first", SYMBOLS, producer__hand_over_s="3")
        wait_until(lambda: steady(first) == KEYS, "one alone collects all", timeout_s=STARTED_S)
        second = stage.produce("second")
        wait_until(lambda: sharing(second).get("states"), "the other waits", timeout_s=STARTED_S)
        first.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: steady(second) == KEYS, "the other collects all", timeout_s=STARTED_S)
        finally:
            first.process.send_signal(signal.SIGCONT)
        wait_until(lambda: sharing(first)["collected"] == [], "it gives them up", timeout_s=STARTED_S)
        assert steady(second) == KEYS
        assert sharing(first)["expired"] == len(SYMBOLS)
