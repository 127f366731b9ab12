"""Websocket → raw topics: a real ``bookmill produce`` on a simulated exchange that sends as fast as it is read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.frames import RawFrame, Workload
from bench.meter import CpuClock, TopicMeter, peak_memory_mib, wait_until
from bench.stage import Stage
from bookmill.errors import BookmillError
from bookmill.processes import Child, last_lines

__all__ = ["ProducerRun", "run_producer", "simulated_addresses"]

Advanced = Callable[[int], None]

_START_S = 30.0
_PLAYED = ("depth", "trade", "bookTicker")
_TWICE = b"BTCUSDT_2023"
"""The name one recording has beside another of the same instrument: an exchange can play only one of them."""


@dataclass(frozen=True)
class ProducerRun:
    """``frames`` sent by the exchange and acknowledged by Kafka."""

    frames: int
    seconds: float
    cpu_s: float
    peak_mib: float


def run_producer(stage: Stage, workload: Workload, advanced: Advanced) -> ProducerRun:
    """Write the workload as recordings, have the simulator play them, and wait until all is in the raw topics."""
    prefix = stage.prefix("produce")
    stage.make_topics(prefix, workload.topics)
    recordings = _instruments(workload.frames)
    played = sum(
        frame.headers[2][1].decode() in _PLAYED for frames in recordings.values() for frame in frames
    )
    options = [
        f"--recording={topic.split('.')[2]}:{frames[0].headers[5][1].decode()}={_write(stage.folder, topic, key, frames)}"
        for (topic, key), frames in recordings.items()
    ]
    with TopicMeter(stage.addresses.kafka, [prefix + topic for topic in workload.topics]) as meter:
        with stage.part(f"simulate --json --speed=max {' '.join(options)}", prefix) as exchange:
            extra = _settings(simulated_addresses(exchange.child), recordings)
            with stage.part("produce", prefix, extra) as part:
                # Snapshots are records too: a few more than frames.
                clock = CpuClock(part.child.pid, lambda: min(played, sum(meter.records().values())))
                wait_until(clock.count, played, part.child, advanced)
                cpu_s, peak_mib = clock.seconds(), peak_memory_mib(part.child.pid)
        return ProducerRun(played, meter.seconds(), cpu_s, peak_mib)


def _instruments(frames: Sequence[RawFrame]) -> dict[tuple[str, bytes], list[RawFrame]]:
    found: dict[tuple[str, bytes], list[RawFrame]] = {}
    for frame in frames:
        if frame.key != _TWICE:
            found.setdefault((frame.topic, frame.key), []).append(frame)
    return found


def _write(folder: Path, topic: str, key: bytes, frames: Sequence[RawFrame]) -> Path:
    """As the simulator reads it: receive time in ns and the frame, a line each."""
    path = folder / f"{topic}.{key.decode()}.frames"
    path.write_bytes(b"".join(b"%s %s\n" % (frame.headers[0][1], frame.value) for frame in frames))
    return path


def simulated_addresses(exchange: Child) -> Mapping[str, Any]:
    """The first line of JSON the simulator prints."""
    deadline_s = time.monotonic() + _START_S
    while exchange.poll() is None and time.monotonic() < deadline_s:
        for line in _said(exchange, 50):
            if line.startswith("{"):
                addresses: dict[str, Any] = json.loads(line)
                return addresses
        time.sleep(0.1)
    said = _said(exchange, 2)
    raise BookmillError(f"The simulated exchange does not start: {' '.join(said) or 'it said nothing'}")


def _said(child: Child, count: int) -> list[str]:
    return last_lines(child.log_path, count) if child.log_path else []


def _settings(
    addresses: Mapping[str, Mapping[str, str]], recordings: Mapping[tuple[str, bytes], Sequence[RawFrame]]
) -> dict[str, str]:
    markets: dict[str, dict[str, Any]] = {
        market: {"enabled": False} for market in ("spot", "usdm") if market not in addresses
    }
    for market, address in addresses.items():
        symbols = [
            frames[0].headers[5][1].decode()
            for (topic, _), frames in recordings.items()
            if topic.endswith(f".{market}")
        ]
        markets[market] = {
            "symbols": symbols,
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
    return {"BOOKMILL_EXCHANGES": json.dumps({"binance": markets})}
