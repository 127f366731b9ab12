"""Many instruments: 500 of seven exchanges in one real ``bookmill produce``, its event loop and its memory watched from outside.

The simulated exchanges send at their own pace, each in a process that gets what processor the producer and Kafka
leave: a real exchange takes none of it. Start-up is part of it: instruments are learned,
connections opened and thousands of streams subscribed while the first of them flow already.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.meter import cpu_seconds, peak_memory_mib, read_status
from bench.producer_bench import simulated_addresses
from bench.stage import Stage
from bookmill.errors import BookmillError
from bookmill.processes import last_lines
from simulator.instruments import names
from simulator.registry import dialect

__all__ = ["EACH", "MARKETS", "RATE", "ManyRun", "run_many"]

MARKETS = (
    "binance.spot",
    "binance.usdm",
    "okx.spot",
    "okx.swap",
    "bybit.spot",
    "bybit.linear",
    "kraken.spot",
    "coinbase.spot",
    "coinbase-advanced.spot",
    "deribit.swap",
)
EACH = 50
"""Instruments of each market."""
RATE = 20_000
"""Frames a second that the exchanges are asked to send in all; a machine that cannot make so many sends fewer."""

_START_S = 90.0
_POLL_S = 0.5
_MEASURED_S = 30.0


@dataclass(frozen=True)
class ManyRun:
    """``frames`` of ``seconds`` after all connections stood. ``stalls``, ``longest_stall_s`` and ``busiest_s`` (the most processor
    time in one go) are the producer's own figures, from its start on; ``starved_s``: how long its main thread could run and no
    processor was free, which the loop's watch sees as stalls.
    """

    frames: int
    seconds: float
    cpu_s: float
    peak_mib: float
    instruments: int
    streams: int
    stalls: int
    longest_stall_s: float
    busiest_s: float
    starved_s: float


def run_many(stage: Stage, rate: float = RATE) -> ManyRun:
    """``rate``: frames a second of all markets together. Raises :class:`BookmillError` where a market does not connect."""
    prefix = stage.prefix("many")
    by_exchange: dict[str, list[str]] = {}
    for exchange, _, market in (name.partition(".") for name in MARKETS):
        by_exchange.setdefault(exchange, []).append(market)
    with ExitStack() as open_:
        parts = {}
        for exchange, markets in by_exchange.items():
            chosen = " ".join(f"--market={market}" for market in markets)
            options = f"--exchange={exchange} {chosen} --instruments={EACH} --rate={rate / len(MARKETS):.0f}"
            parts[exchange] = open_.enter_context(
                stage.part(f"simulate --json {options}", prefix, gives_way=19)
            )
        extra = _settings({exchange: simulated_addresses(part.child) for exchange, part in parts.items()})
        return _measure(open_.enter_context(stage.part("produce", prefix, extra)))


def _measure(part: Any) -> ManyRun:
    before = _connected(part)
    started_s, cpu_s = time.monotonic(), cpu_seconds(part.pid)
    time.sleep(_MEASURED_S)
    after, seconds = _status(part), time.monotonic() - started_s
    return ManyRun(
        after["frames"] - before["frames"],
        seconds,
        cpu_seconds(part.pid) - cpu_s,
        peak_memory_mib(part.pid),
        len(MARKETS) * EACH,
        sum(len(market["age_s"]) for market in after["markets"].values()),
        after["loop_stalls"],
        after["loop_longest_stall_s"],
        after["loop_busiest_s"],
        _starved_s(part.pid),
    )


def _connected(part: Any) -> Mapping[str, Any]:
    """The status once every market is connected."""
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        status = _status(part)
        states = {name: market["state"] for name, market in status.get("markets", {}).items()}
        if len(states) == len(MARKETS) and set(states.values()) == {"connected"}:
            return status
        time.sleep(_POLL_S)
    raise BookmillError(f"Not all markets are connected after {_START_S:.0f} s: {states}.")


def _status(part: Any) -> Mapping[str, Any]:
    if part.child.poll() is not None:
        said = last_lines(part.child.log_path, 1) if part.child.log_path else []
        raise BookmillError(f"The producer has ended; its last words: {' '.join(said) or 'none'}")
    return read_status(part.status_url)


def _settings(addresses: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, str]:
    exchanges: dict[str, dict[str, Any]] = {}
    for name in MARKETS:
        exchange, _, market = name.partition(".")
        address = addresses[exchange][market]
        exchanges.setdefault(exchange, {})[market] = {
            "symbols": names(EACH, dialect(exchange, market).default_symbols),
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
    return {"BOOKMILL_EXCHANGES": json.dumps(exchanges)}


def _starved_s(pid: int) -> float:
    """Of the main thread, as the Linux scheduler counts it; 0 where it does not."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
