"""``bookmill demo`` as a user runs it: its figures agree, whatever happens to it in between, and nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bookmill.addresses import embedded_state
from tests.integration.parts import wait_until

pytestmark = pytest.mark.timeout(240)

_TABLES = {"trades", "spreads", "book_snapshots", "tickers", "klines", "derivatives", "liquidations", "gaps"}


class Demo:
    """``bookmill demo`` in a data folder of its own, on free ports."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self._errors = data_dir.parent / f"{data_dir.name}.err"
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith("BOOKMILL_") or k == "BOOKMILL_CACHE_DIR"
        }
        # Beside other tests nobody would let them have a processor.
        own = {"BOOKMILL_PLATFORM__GATEWAY_FIRST": "false"}
        own |= {f"BOOKMILL_PLATFORM__{part}_PORT": "0" for part in ("KAFKA", "REGISTRY", "CLICKHOUSE")}
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bookmill", "demo", *options],
                env={**clean, **own, "BOOKMILL_DATA_DIR": str(data_dir)},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )  # fmt: skip

    def said(self) -> str:
        """What it has written to stderr."""
        return self._errors.read_text(encoding="utf-8")

    def part(self, name: str) -> psutil.Process:
        """The process of a part."""
        for one in self.processes():
            try:
                if one.cmdline()[1:4] == ["-m", "bookmill", name]:
                    return one
            except psutil.Error:  # it was killed a moment ago
                continue
        raise AssertionError(f"there is no {name}")

    def processes(self) -> list[psutil.Process]:
        """All processes that were started for this demo, and still run."""
        found = []
        for one in psutil.process_iter():
            try:
                if (
                    one.environ().get("BOOKMILL_DATA_DIR") == str(self.data_dir)
                    and one.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    def summary(self) -> dict[str, Any]:
        """The JSON object at its end; its exit status has to be 0."""
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, self.said()
        summary: dict[str, Any] = json.loads(output.splitlines()[-1])
        return summary

    def kill(self) -> None:
        """End whatever is left of it."""
        for one in self.processes():
            one.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def demo(*options: str) -> Demo:
        started.append(Demo(tmp_path / "data", *options))
        return started[-1]

    yield demo
    for one in started:
        one.kill()


def is_running(demo: Demo) -> Callable[[], bool]:
    """Whether all parts are up and books are live."""
    return lambda: "/6 live" in demo.said() and " 0/" not in demo.said().splitlines()[-1]


def agree(summary: dict[str, Any]) -> None:
    assert summary["frames_sent"] == summary["frames_in_kafka"] > 0
    assert summary["events"] == summary["rows"]
    assert set(summary["rows"]) == _TABLES
    assert all(rows for table, rows in summary["rows"].items() if table not in {"liquidations", "gaps"})
    assert (summary["gaps"], summary["dead_letters"], summary["lag"], summary["problems"]) == (0, 0, 0, [])


def test_a_demo_agrees_with_itself_and_leaves_nothing_running(start: Callable[..., Demo]) -> None:
    demo = start("--duration", "8", "--json")
    first = demo.summary()
    agree(first)
    assert first["books"] == {"live": 6, "total": 6}
    assert first["restarts"] == dict.fromkeys(
        ("exchange", "platform", "producer", "worker", "sink", "watcher", "gateway"), 0
    )
    assert first["rows_total"] == first["rows"]
    assert demo.processes() == []


@pytest.mark.slow
def test_a_second_demo_on_the_same_data_agrees_too_also_when_parts_are_killed(
    start: Callable[..., Demo],
) -> None:
    first = start("--duration", "3", "--json").summary()
    demo = start("--json")
    wait_until(is_running(demo), "books are live", timeout_s=120)
    for part in ("worker", "sink"):
        demo.part(part).kill()
    wait_until(lambda: demo.said().count("worker: up") == 2, "the worker is up again")
    time.sleep(3.0)
    demo.process.send_signal(signal.SIGINT)
    second = demo.summary()
    agree(second)
    assert (second["restarts"]["worker"], second["restarts"]["sink"]) == (1, 1)
    assert second["rows_total"] == {table: first["rows"][table] + second["rows"][table] for table in _TABLES}
    assert demo.processes() == []


@pytest.mark.slow
def test_what_a_killed_producer_had_not_written_is_told_as_lost(start: Callable[..., Demo]) -> None:
    demo = start("--json")
    wait_until(is_running(demo), "books are live", timeout_s=120)
    demo.part("produce").kill()
    wait_until(lambda: demo.said().count("producer: up") == 2, "the producer is up again")
    time.sleep(3.0)
    demo.process.send_signal(signal.SIGINT)
    summary = demo.summary()
    assert summary["frames_sent"] == summary["frames_in_kafka"] + summary["frames_lost"]
    assert (summary["lag"], summary["problems"], summary["events"]) == (0, [], summary["rows"])
    assert (summary["restarts"]["producer"], summary["restarts"]["worker"]) == (1, 0)


@pytest.mark.slow
def test_nothing_outlives_a_killed_demo(start: Callable[..., Demo]) -> None:
    demo = start()
    wait_until(lambda: "producer: up" in demo.said(), "the producer is up", timeout_s=120)
    assert embedded_state(demo.data_dir)
    demo.process.kill()
    demo.process.wait()
    wait_until(lambda: not demo.processes(), "all parts have ended")


def test_ctrl_c_while_it_starts_ends_it_too(start: Callable[..., Demo]) -> None:
    demo = start("--json")
    wait_until(lambda: "platform: starting" in demo.said(), "the platform starts")
    demo.process.send_signal(signal.SIGTERM)
    summary = demo.summary()
    assert summary["frames_sent"] == summary["frames_in_kafka"] == 0
    assert demo.processes() == []


def test_bad_input_is_one_sentence(start: Callable[..., Demo], tmp_path: Path) -> None:
    demo = start("--recording", str(tmp_path / "none.gz"))
    assert demo.process.wait(30) == 1
    assert demo.said() == f"bookmill: The recording {tmp_path}/none.gz does not exist.\n"
