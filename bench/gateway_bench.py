"""The gateway with the whole pipeline running beside it: how soon it answers, how soon an event is at its clients, what they weigh.

The market is simulated, 2,000 frames a second in all; parts give way to each other as those of ``bookmill demo``. Requests come at a
steady pace whether or not the ones before are answered, and count from when they were due. An event's way to a client begins when the
broker had appended its record. Clients are processes of their own, on the same processors.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

from bench.browser import BrowserRun, run_browser
from bench.client_processes import client, clients, last_words, wait_connected
from bench.event_times import ends, event_times_ms
from bench.meter import cpu_seconds, read_status
from bench.producer_bench import simulated_addresses
from bench.report import Measured
from bench.stage import Part, Stage
from bookmill.errors import BookmillError
from bookmill.precedence import gives_way

__all__ = ["GatewayRun", "measured_gateway", "run_gateway"]

RATE = 1000
"""Frames a second of each of two markets."""
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
INSTRUMENTS = tuple(f"binance.{market}.{symbol}" for market in ("spot", "usdm") for symbol in SYMBOLS)
PATHS = tuple(
    f"/api/v1/{path}"
    for path in (
        "prices",
        "prices?symbol=BTC-USDT",
        "orderbook/binance/spot/BTC-USDT?depth=20",
        "orderbook/binance/usdm/ETH-USDT?depth=100",
        "orderbook/stats",
        "tickers",
        "spreads",
        "trades/binance/spot/SOL-USDT?limit=50",
    )
)
REQUESTS_PER_S = 200
CLIENTS = 200
MANY_CLIENTS = 1000

_PARTS = {
    "producer": "produce",
    "worker": "worker",
    "sink": "sink",
    "watcher": "watcher",
    "gateway": "gateway",
}
"""With what each is started."""
_SECONDS = 20.0
_START_S = 90.0
_WARM_S = 60.0
"""So long Java compiles its broker."""
_IDLE_S = 10.0
_LEAVE_S = 5.0
"""A thousand clients go before the page is opened."""


@dataclass(frozen=True)
class GatewayRun:
    """Answers and events in milliseconds; memory in MiB; ``delivered_per_s`` messages to all clients; ``alone``: of a core, what each
    process takes before anybody asks."""

    requests: int
    failed: int
    answer_p50_ms: float
    answer_p99_ms: float
    events: int
    event_p50_ms: float
    event_p99_ms: float
    delivered_per_s: float
    frames_per_s: float
    memory_mib: float
    memory_many_mib: float
    cpu_share: float
    alone: Mapping[str, float]
    browser: BrowserRun | None


def run_gateway(stage: Stage) -> GatewayRun:
    """Bring up the pipeline, then ask, listen, weigh, and look, one after the other."""
    prefix = stage.prefix("gateway")
    with ExitStack() as open_:
        options = f"--market=spot --market=usdm --symbols={','.join(SYMBOLS)} --rate={RATE}"
        exchange = _open(open_, stage, "exchange", f"simulate --json {options}", prefix)
        told = _settings(simulated_addresses(exchange.child))
        parts = {"exchange": exchange} | {
            name: _open(open_, stage, name, command, prefix, told) for name, command in _PARTS.items()
        }
        address = _ready(parts["gateway"], told["BOOKMILL_GATEWAY__PORT"])
        time.sleep(_WARM_S)
        alone = _shares(stage, parts)
        return _measure(stage, prefix, address, parts["gateway"], parts["producer"], alone)


def _open(
    open_: ExitStack,
    stage: Stage,
    name: str,
    command: str,
    prefix: str,
    told: Mapping[str, str] | None = None,
) -> Part:
    by = gives_way(name, stage.settings.platform)
    part: Part = open_.enter_context(stage.part(command, prefix, told, gives_way=by))
    return part


def measured_gateway(runs: Sequence[GatewayRun]) -> Measured:
    """For the report: messages delivered, and the worst of each other figure."""
    details = {
        name: max(float(getattr(each, name)) for each in runs)
        for name in (
            "answer_p50_ms",
            "answer_p99_ms",
            "failed",
            "event_p50_ms",
            "event_p99_ms",
            "memory_many_mib",
            "cpu_share",
        )
    }
    details["frames_per_s"] = round(min(each.frames_per_s for each in runs))
    details |= {f"{name}_alone": max(each.alone[name] for each in runs) for name in runs[0].alone}
    for name in ("first_prices_s", "core_share"):
        found = [float(getattr(each.browser, name)) for each in runs if each.browser is not None]
        if found:
            details[f"browser_{name}"] = max(found)
    return Measured(
        "messages",
        round(runs[0].delivered_per_s * _SECONDS),
        [each.delivered_per_s for each in runs],
        {"gateway": max(each.memory_mib for each in runs)},
        details=details,
    )


def _shares(stage: Stage, parts: Mapping[str, Part]) -> dict[str, float]:
    """Of one core, each process's part while nobody asks for anything."""
    pids = {name: part.pid for name, part in parts.items()} | stage.platform.pids()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(_SECONDS)
    return {name: round((cpu_seconds(pid) - before[name]) / _SECONDS, 3) for name, pid in pids.items()}


def _measure(
    stage: Stage, prefix: str, address: str, gateway: Part, producer: Part, alone: Mapping[str, float]
) -> GatewayRun:
    socket = address.replace("http", "ws") + "/api/v1/ws"
    frames, began_s = _frames(producer), time.monotonic()
    cpu_s = cpu_seconds(gateway.pid)
    answers = clients(stage, "requests", url=address, paths=PATHS, per_s=REQUESTS_PER_S, seconds=_SECONDS)
    marks = ends(stage, prefix)
    listened = clients(
        stage, "sockets", url=socket, instruments=INSTRUMENTS, clients=CLIENTS, seconds=_SECONDS
    )
    took_ms = event_times_ms(stage, marks, listened["seen"])
    lasted_s = time.monotonic() - began_s
    frames_per_s = (_frames(producer) - frames) / lasted_s
    cpu_share = (cpu_seconds(gateway.pid) - cpu_s) / lasted_s
    memory_mib = _memory_mib(gateway)
    with stage.child(
        *client(stage, "idle", url=socket, instruments=INSTRUMENTS, clients=MANY_CLIENTS, seconds=60.0)
    ) as many:
        wait_connected(many)
        time.sleep(_IDLE_S)
        memory_many_mib = _memory_mib(gateway)
    time.sleep(_LEAVE_S)
    answered_ms = sorted(answers["took_ms"])
    return GatewayRun(
        len(answered_ms),
        answers["failed"],
        _percentile(answered_ms, 50),
        _percentile(answered_ms, 99),
        len(took_ms),
        _percentile(took_ms, 50),
        _percentile(took_ms, 99),
        listened["messages"] / _SECONDS,
        frames_per_s,
        memory_mib,
        memory_many_mib,
        cpu_share,
        alone,
        run_browser(address),
    )


def _settings(addresses: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    markets = {
        market: {
            "symbols": SYMBOLS,
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
        for market, address in addresses.items()
    }
    return {
        "BOOKMILL_EXCHANGES": json.dumps({"binance": markets}),
        "BOOKMILL_WORKER__BOOK_UPDATES": "true",
        "BOOKMILL_GATEWAY__PORT": str(Stage.free_port()),
    }


def _ready(gateway: Part, port: str) -> str:
    """The gateway's address once it is ready and knows all instruments."""
    address = f"http://127.0.0.1:{port}"
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        if gateway.child.poll() is not None:
            raise BookmillError(f"The gateway has ended; its last words: {last_words(gateway.child)}")
        prices = read_status(f"{address}/api/v1/prices").get("data", [])
        if sum(not each["stale"] for each in prices) == len(INSTRUMENTS):
            return address
        time.sleep(0.5)
    raise BookmillError(f"The gateway does not know all instruments after {_START_S:.0f} s.")


def _percentile(values: Sequence[float], percent: int) -> float:
    """Of sorted values: the one that so many percent do not exceed."""
    if not values:
        raise BookmillError("Nothing came that could be measured.")
    return round(values[min(len(values) - 1, len(values) * percent // 100)], 2)


def _frames(producer: Part) -> int:
    return int(read_status(producer.status_url).get("frames", 0))


def _memory_mib(part: Part) -> float:
    return round(psutil.Process(part.pid).memory_info().rss / 2**20, 1)
