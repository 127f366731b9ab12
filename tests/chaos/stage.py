"""One run's cast: exchanges, platform, proxies, parts; and every fault that can be done to them, by name."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bookmill.demo.offsets import OffsetsReader, behind, unprocessed
from bookmill.errors import UnavailableError
from bookmill.settings import ClickHouseSettings, KafkaSettings, RegistrySettings, Settings
from embedded.part import Part
from embedded.platform import Platform
from schemas.catalogue import TABLE_TOPICS, raw
from tests.chaos.exchanges import Exchanges
from tests.chaos.fleet import Fleet
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import MARKETS, SHARED, SINKS, WORKERS, producers
from tests.integration.parts import environment

__all__ = ["Stage", "StuckError"]

RATE = 60.0
"""Frames a second of each market."""
PARTITIONS = 4

_SETTINGS: Mapping[str, str] = {
    # What takes half a minute in earnest is noticed and tried again within seconds.
    "producer__silent_after_s": "4",
    "producer__resubscribe_after_s": "1",
    "producer__backoff_initial_s": "0.2",
    "producer__backoff_max_s": "2",
    "producer__rest_weight_share": "1",
    "worker__session_timeout_s": "6",
    "worker__checkpoint_interval_s": "3",
    "worker__resync_retry_s": "2",
    "worker__backfill_retry_s": "2",
    # Every change of a book is a row, so that every state of it is compared.
    "worker__snapshot_interval_ms": "1",
    "sink__batch_ms": "300",
    "sink__backoff_initial_s": "0.2",
    "sink__backoff_max_s": "2",
}
_SHARED: Mapping[str, str] = {"producer__shared": "true", "producer__hand_over_s": "10"}
_READY_S = 300.0
_SETTLE_S = 300.0
_DRAIN_S = 300.0
_LAST_FRAMES_S = 3.0
"""For the last changes to be told, and what was told to be read."""
_NOTICED_S = 10.0
"""After so long a half-open connection has been noticed (silent for 4 s, a ping not answered): before, all looks well."""
_CLOSE = 2000
"""Raw records before a worker that is near the end of the log."""
_EXCUSED_S = 45.0
"""After an outage has ended a part may still give up over it."""
_COMMAND_AGAIN_S = 1.0


class StuckError(AssertionError):
    """What has to happen did not, in good time."""


class Stage:
    """Open while the context is. ``say`` is told what happens, a line at a time."""

    def __init__(self, platform: Platform, folder: Path, *, seed: int, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.name = f"c{uuid.uuid4().hex[:10]}"
        self._platform = platform
        self._say = say
        self._opened = ExitStack()
        self._outages: dict[str, float] = {}
        self._lock = threading.Lock()
        self._restarting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """Of each server: it is not stopped while it starts."""
        self._producers = producers(seed)
        self.halted_s = float("inf")
        """When nobody ordered any more, seconds since the epoch."""
        self.exchanges = Exchanges(MARKETS, rate=RATE, seed=seed)
        self.fleet: Fleet
        self.clickhouse: Proxy
        self.registry: Proxy
        self.settings: Settings

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self.exchanges)
            addresses = self._platform.addresses
            self.clickhouse = opened.enter_context(Proxy(addresses.clickhouse))
            self.registry = opened.enter_context(Proxy(addresses.registry))
            self.settings = Settings(
                kafka=KafkaSettings(
                    bootstrap_servers=addresses.kafka, topic_prefix=f"{self.name}.", partitions=PARTITIONS
                ),
                registry=RegistrySettings(url=self.registry.url),
                clickhouse=ClickHouseSettings(url=self.clickhouse.url, database=self.name),
            )
            self.fleet = Fleet(self.environment, self.folder, self.excused, self._say)
            opened.callback(self.fleet.abandon)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def excused(self, since_s: float) -> bool:
        """Whether something that parts need was away, or has been since then, or not long ago."""
        with self._lock:
            return any(
                ended_s > min(since_s, time.monotonic() - _EXCUSED_S) for ended_s in self._outages.values()
            )

    def environment(self) -> Mapping[str, str]:
        """What makes a process one of this stage."""
        markets: dict[str, dict[str, Any]] = {}
        for name, symbols in self.exchanges.symbols.items():
            exchange, _, market = name.partition(".")
            address = self.exchanges.addresses(name)
            markets.setdefault(exchange, {})[market] = {
                "symbols": list(symbols),
                "websocket_url": address["websocket"],
                "rest_url": address["rest"],
            }
        shared = _SHARED if self._producers is SHARED else {}
        return environment(self.settings, exchanges=json.dumps(markets), **_SETTINGS, **shared)

    # The way of a run.

    def open(self) -> None:
        """Start all parts and wait until every book is live and every instrument has traded to a listener: from then on nothing may be
        missing."""
        for name in (*WORKERS, *SINKS, *self._producers):
            self.fleet.add(name)
        self.until(self._live, "all books are live at first", _READY_S)
        self.until(lambda: self.exchanges.listened_to, "all trades are subscribed", _READY_S)
        self._moved(1, _READY_S)
        self.exchanges.begin()

    def settle(self) -> None:
        """Wait until everything is as it should be and has been seen to go on: no fault is on any more."""
        self.exchanges.behave()
        self.clickhouse.behave()
        self.until(lambda: not self.exchanges.disturbed, "no frame is held back", _SETTLE_S)
        self.until(self._live, "all books are live again", _SETTLE_S)
        self.exchanges.liquidate()
        self._moved(3, _SETTLE_S)
        self.until(self._live, "all books are live after more changes", _SETTLE_S)

    def drain(self) -> None:
        """Nobody orders any more, then nobody listens; wait until all that was heard is stored."""
        self.exchanges.halt()
        self.halted_s = time.time()
        time.sleep(_LAST_FRAMES_S)
        self.exchanges.finish()
        leaving = [
            threading.Thread(target=self.fleet.stop, args=(one.name,), kwargs={"hurry": True})
            for one in self.fleet.of("producer")
        ]
        for one in leaving:
            one.start()
        for one in leaving:
            one.join()
        self.until_stored()

    def until_stored(self) -> None:
        """Wait until the raw records that are in Kafka by now have become events, and these rows."""
        kafka = self.settings.kafka
        raws = [kafka.topic_prefix + raw(*name.split(".")).name for name in MARKETS]
        events = [kafka.topic_prefix + topic.name for topic in TABLE_TOPICS]
        reader = OffsetsReader(kafka, kafka.bootstrap_servers or "")
        try:
            self._until_committed(reader, raws, self.settings.worker.group, unprocessed, "all is processed")
            self._until_committed(reader, events, self.settings.sink.group, behind, "everything is stored")
        finally:
            reader.close()

    def _until_committed(
        self, reader: OffsetsReader, topics: Sequence[str], group: str, left: Callable[..., int], what: str
    ) -> None:
        """Wait until of what the topics hold now nothing is ``left`` for a group."""
        ends: dict[tuple[str, int], int] = {}

        def done() -> bool:
            try:
                ends.update({} if ends else reader.ends(topics))
                committed = reader.committed(self.settings.kafka.topic_prefix + group, topics)
                return left(ends, committed, reader.starts(topics)) == 0
            except UnavailableError:
                return False

        self.until(done, what, _DRAIN_S)

    def _live(self) -> bool:
        """Whether producers are connected, and some worker holds each book live and has nothing before it."""
        if not self._collected():
            return False
        states: set[str] = set()
        for worker in self.fleet.of("worker"):
            status = worker.status()
            if not status or status["lag"] > _CLOSE:
                return False
            states |= {name for name, one in status["instruments"].items() if one["state"] == "live"}
        return states >= set(self.exchanges.truths)

    def _collected(self) -> bool:
        """Whether producers are connected, and between them collect every instrument, each in one of them."""
        collected: list[str] = []
        for producer in self.fleet.of("producer"):
            status = producer.status()
            markets = status.get("markets", {})
            if len(markets) < len(MARKETS) or any(
                market["state"] not in {"connected", "idle"} for market in markets.values()
            ):
                return False
            if self._producers is not SHARED:
                return all(market["state"] == "connected" for market in markets.values())
            states = status["subscriptions"]["states"]
            if states["starting"] or states["leaving"] or states["refused"]:
                return False
            collected += status["subscriptions"]["collected"]
        return sorted(collected) == sorted(self.exchanges.truths)

    def _moved(self, count: int, timeout_s: float) -> None:
        before = self.exchanges.traded()

        def moved() -> bool:
            now = self.exchanges.traded()
            return all(
                now[name][0] >= trades + count and now[name][1] >= books + count
                for name, (trades, books) in before.items()
            )

        self.until(moved, "every instrument trades and its book moves", timeout_s)

    def until(self, true: Callable[[], bool], what: str, timeout_s: float = _SETTLE_S) -> None:
        """Wait until ``true`` says so."""
        deadline_s = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > deadline_s:
                raise StuckError(f"not within {timeout_s:.0f} s: {what}; {self.describe()}")
            time.sleep(0.3)

    def describe(self) -> str:
        """How everything stands."""
        told = []
        for member in list(self.fleet.members.values()):
            status = member.status()
            match member.kind:
                case "producer":
                    said: Any = {name: one["state"] for name, one in status.get("markets", {}).items()}
                    said |= (
                        {"subscriptions": status.get("subscriptions")} if self._producers is SHARED else {}
                    )
                case "worker":
                    said = {
                        "lag": status.get("lag"),
                        "partitions": status.get("partitions"),
                        **{
                            name: f"{one['state']} {one['reason']}"
                            for name, one in status.get("instruments", {}).items()
                        },
                    }
                case _:
                    said = {
                        name: value
                        for name, value in status.items()
                        if name in {"lag", "partitions", "in_hand"}
                    }
            told.append(
                f"{member.name} {'runs' if member.running else 'has ended'}: {said}; {member.last_word()[:300]}"
            )
        return " | ".join(told)

    def processes(self) -> dict[str, int]:
        """Pids by name: of our parts, and of the servers."""
        ours = {
            member.name: member.part.process.pid
            for member in list(self.fleet.members.values())
            if member.running
        }
        return {**ours, **self._platform.pids()}

    # Faults.

    def apply(self, fault: str, arguments: Mapping[str, Any]) -> None:
        """Do it; returns when it is over."""
        known: dict[str, Callable[..., None]] = {
            "kill": self.fleet.kill,
            "stop": self.fleet.restart,
            "pause": self.fleet.pause,
            "join and leave": self._guest,
            "kafka kill": lambda seconds: self._restart(self._platform.kafka, seconds, kill=True),
            "kafka restart": lambda seconds: self._restart(self._platform.kafka, seconds, kill=False),
            "clickhouse kill": lambda seconds: self._restart(self._platform.clickhouse, seconds, kill=True),
            "clickhouse refuses": lambda seconds: self._refuse("clickhouse", self.clickhouse, seconds),
            "clickhouse is slow": lambda seconds: self._slow(self.clickhouse, seconds),
            "clickhouse errors": lambda code, seconds: self._fail(
                "clickhouse", self.clickhouse, code, seconds
            ),
            "clickhouse loses answers": self.clickhouse.lose_answers,
            "registry kill": lambda seconds: self._restart(self._platform.registry, seconds, kill=True),
            "registry refuses": lambda seconds: self._refuse("registry", self.registry, seconds),
            "registry errors": lambda code, seconds: self._fail("registry", self.registry, code, seconds),
            "connections cut": lambda market: self.exchanges.fault(market, "cut_connections"),
            "connections closed": lambda market: self.exchanges.fault(market, "close_connections", code=1001),
            "connections half-open": self._freeze,
            "connections refused": self._refuse_connections,
            "subscriptions forgotten": lambda market: self.exchanges.fault(market, "forget_subscriptions"),
            "frames disturbed": self.exchanges.disturb,
            "snapshots bad": self._snapshots,
            "clock jumps": self._clock,
            "unsubscribed": self._unsubscribe,
        }
        known[fault](**arguments)

    def _guest(self, kind: str, seconds: float) -> None:
        member = self.fleet.guest(kind)
        time.sleep(seconds)
        self.fleet.leave(member)

    def _freeze(self, market: str) -> None:
        self.exchanges.fault(market, "freeze_connections")
        time.sleep(_NOTICED_S)

    def _unsubscribe(self, market: str, which: int, seconds: float) -> None:
        symbol = self.exchanges.symbols[market][which]
        self._command("unsubscribe", market, symbol)
        time.sleep(seconds)
        self._command("subscribe", market, symbol)

    def _command(self, *words: str) -> None:
        """``bookmill <words>``, again until it can be done: what it needs may be away, and is not there at once when it is back."""
        began_s = time.monotonic()
        while True:
            done = subprocess.run(
                [sys.executable, "-m", "bookmill", *words],
                env=self.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return
            with self._lock:
                back_s = max(began_s, self._outages.get(self._platform.kafka.key, began_s))
            if done.returncode != 1 or "Traceback" in done.stderr or time.monotonic() > back_s + _EXCUSED_S:
                raise StuckError(f"bookmill {' '.join(words)} says {done.returncode}: {done.stderr[-1000:]}")
            time.sleep(_COMMAND_AGAIN_S)

    @contextmanager
    def _away(self, what: str) -> Iterator[None]:
        with self._lock:
            self._outages[what] = float("inf")
        try:
            yield
        finally:
            with self._lock:
                self._outages[what] = time.monotonic()

    def _restart(self, part: Part, seconds: float, *, kill: bool) -> None:
        with self._restarting[part.key], self._away(part.key):
            began_s = time.monotonic()
            (part.kill if kill else part.stop)()
            time.sleep(seconds)
            part.start()
        self._say(f"{part.name} is back after {time.monotonic() - began_s:.1f} s")

    def _refuse(self, what: str, proxy: Proxy, seconds: float) -> None:
        with self._away(what), proxy.refusing():
            time.sleep(seconds)

    def _slow(self, proxy: Proxy, seconds: float) -> None:
        with proxy.slow(1.5):
            time.sleep(seconds)

    def _fail(self, what: str, proxy: Proxy, code: int, seconds: float) -> None:
        with self._away(what), proxy.failing(code):
            time.sleep(seconds)

    def _refuse_connections(self, market: str, seconds: float) -> None:
        self.exchanges.fault(market, "refuse_connections", refuse=True)
        self.exchanges.fault(market, "cut_connections")
        time.sleep(seconds)
        self.exchanges.fault(market, "refuse_connections", refuse=False)

    def _snapshots(self, market: str, what: str, **arguments: Any) -> None:
        self.exchanges.fault(market, f"{what}_snapshots", **arguments)
        self.exchanges.disturb(market, 0, "book", "drop", 1)  # or nobody would ask for one

    def _clock(self, market: str, ahead_s: float, seconds: float) -> None:
        self.exchanges.set_clock(market, ahead_s)
        time.sleep(seconds)
        self.exchanges.set_clock(market, 0)
