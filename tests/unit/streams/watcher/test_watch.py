"""The watcher without Kafka: what batches give, what may be committed, what a takeover goes on from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from bookmill.settings import AlertSettings, KafkaSettings, Settings, WatcherSettings
from schemas.alert_rules import rule_from
from schemas.alert_store import StoredRule
from schemas.catalogue import ALERTS, CONSOLIDATED, SPREADS, TOPS, TRADES, Topic
from schemas.codec import UNIT
from schemas.event_id import HEADER, event_id
from schemas.events import EventWriter
from schemas.watcher_events import Source
from streams.watcher import watch as module
from streams.watcher.inputs import Tools
from streams.watcher.judging import unpack
from streams.watcher.restoring import Restored
from streams.watcher.rules import Rules
from streams.watcher.tops import partition_of
from streams.watcher.watch import INPUTS, Watch
from tests.unit.streams.raw import SCHEMA_IDS
from tests.unit.streams.watcher.values import IDS, decoder, read

PARTITION = 2
OF_SYMBOL = partition_of("BTC-USDT", 6)


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


class FakeOutput:
    """Kafka: keeps what is written; says that it is stored when told to."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]] = {}
        self.waiting: list[Callable[[], None]] = []
        self.waits = 0
        self.away = False

    def __len__(self) -> int:
        return len(self.waiting)

    async def write(self, topic: str, partition: int, records: Any, stored: Callable[[], None]) -> None:
        self.logs.setdefault((topic, partition), []).extend(records)
        self.waiting.append(stored)

    def poll(self) -> None:
        pass

    async def all_stored(self, _until_s: float) -> bool:
        if not self.away:
            self.flush()
        return not self.away

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        for stored in waiting:
            stored()

    def of(self, topic: Topic, partition: int) -> list[dict[str, Any]]:
        return [read(topic, value) for _, value, _ in self.logs.get((topic.name, partition), []) if value]


class World:
    """A watcher, and the Kafka it would read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **watcher: Any) -> None:
        self.output = FakeOutput()
        self.rules: list[Any] = []
        self.restored = Restored()
        self.settings = Settings(
            kafka=KafkaSettings(partitions=6),
            watcher=WatcherSettings(**watcher),
            alerts=AlertSettings(webhook_attempts=1),
        )
        monkeypatch.setattr(module, "restore", lambda *_, **__: self.restored)
        self.now = Rules()

    def rule(self, **given: Any) -> None:
        rule = rule_from(
            {"id": "r", "condition": {"kind": "price_crosses", "level": "100", "direction": "up"}, **given}
        )
        self.rules.append(StoredRule(rule))
        self.now = Rules.of({each.rule.id: each for each in self.rules}, self.now.version + 1)

    def watch(self, positions: Mapping[TP, int] = {}, texts: Mapping[TP, str] = {}) -> Watch:
        tps = [TP(topic.name, partition) for topic in INPUTS for partition in (PARTITION, OF_SYMBOL)]
        self.restored.committed = {tp: (positions.get(tp, 0), texts.get(tp, "")) for tp in tps}
        self.restored.ends = {tp: positions.get(tp, 0) for tp in tps}
        self.restored.tops = {tp: [] for tp in tps if tp.topic == TOPS.name}
        output: Any = self.output
        watch = Watch(
            self.settings,
            Tools("", IDS, decoder()),
            group="watchers",
            output=output,
            client_config={},
            incarnations={topic.name: "1" for topic in INPUTS},
            rules=lambda: self.now,
        )
        watch.own(tps)
        return watch


class Market:
    def __init__(self, exchange: str) -> None:
        self.raw = f"raw.{exchange}.spot"
        self.key = f"{exchange}.spot.BTC-USDT".encode()
        ids = {**SCHEMA_IDS, **{topic: number for topic, number in IDS.items() if topic in SCHEMA_IDS}}
        self.writer = EventWriter(
            ids, exchange=exchange, market="spot", symbol="BTC-USDT", raw_topic=self.raw, partition=PARTITION
        )

    def _record(self, place: int, offset: int, value: bytes) -> Record:
        return Record(place, self.key, value, [(HEADER, event_id(self.raw, PARTITION, offset, 0).encode())])

    def top(self, offset: int, bid: int) -> Record:
        top = (bid * UNIT, UNIT, (bid + 1) * UNIT, UNIT)
        value = self.writer.spread("book", "ws", "live", 1, top, None, offset * 1_000_000, offset, 0)
        return self._record(offset, offset, value)

    def trade(self, offset: int, price: int) -> Record:
        value = self.writer.trade(
            "ws", str(offset), price * UNIT, UNIT, None, "BUY", False, None, offset, offset, 0
        )
        return self._record(offset, offset, value)


BINANCE, OKX = Market("binance"), Market("okx")
TRADE_TP, SPREAD_TP = TP(TRADES.name, PARTITION), TP(SPREADS.name, PARTITION)
TOPS_TP, ALERTS_TP = TP(TOPS.name, OF_SYMBOL), TP(ALERTS.name, PARTITION)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def written(output: FakeOutput, topic: Topic, partition: int) -> list[Record]:
    """What stands in a partition, as a consumer reads it."""
    return [
        Record(offset, key, value, headers)
        for offset, (key, value, headers) in enumerate(output.logs.get((topic.name, partition), []))
    ]


def test_tops_become_the_consolidated_book(world: World) -> None:
    async def run() -> None:
        watch = world.watch()
        await watch.process(SPREAD_TP, [BINANCE.top(1, 100), OKX.top(2, 102)], 2)
        await watch.process(TOPS_TP, written(world.output, TOPS, OF_SYMBOL), 2)

    asyncio.run(run())
    assert [one["exchange"] for one in world.output.of(TOPS, OF_SYMBOL)] == ["binance", "okx"]
    said = world.output.of(CONSOLIDATED, OF_SYMBOL)
    assert [(one["bid_exchange"], one["ask_exchange"], one["venues"]) for one in said] == [
        ("binance", "binance", 1),
        ("okx", "binance", 2),
    ]
    assert [one["source_offset"] for one in said] == [0, 1]
    [(key, _, headers), _] = world.output.logs[CONSOLIDATED.name, OF_SYMBOL]
    assert (key, headers) == (
        b"spot.BTC-USDT",
        [(HEADER, event_id(TOPS.name, OF_SYMBOL, 0, 0).encode())],
    )


def test_what_was_processed_is_not_processed_again(world: World) -> None:
    async def run() -> Watch:
        watch = world.watch()
        await watch.process(SPREAD_TP, [BINANCE.top(1, 100), BINANCE.top(2, 101)], 2)
        await watch.process(SPREAD_TP, [BINANCE.top(2, 101), BINANCE.top(3, 102)], 3)
        return watch

    watch = asyncio.run(run())
    assert watch.tools.counts["spreads"] == 3
    assert [one["source_offset"] for one in world.output.of(TOPS, OF_SYMBOL)] == [1, 2, 3]


def test_alerts_are_committed_with_what_rules_have_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, checkpoint_interval_s=0.001)
    world.rule()

    async def run() -> None:
        watch = world.watch()
        await watch.process(TRADE_TP, [BINANCE.trade(1, 99), BINANCE.trade(2, 101)], 2)
        await asyncio.sleep(0.005)
        await watch.tick()
        assert watch.commits()[TRADE_TP] == (0, "")  # the alert is not stored
        world.output.flush()
        await watch.tick()
        assert watch.commits()[TRADE_TP] == (0, "")  # nor what was seen
        world.output.flush()
        assert watch.commits()[TRADE_TP] == (3, "")

    asyncio.run(run())
    [alert] = world.output.of(ALERTS, PARTITION)
    assert alert["alert"] == f"r:{event_id('raw.binance.spot', PARTITION, 2, 0)}"
    assert (alert["source_topic"], alert["source_offset"], alert["source_index"]) == ("trades", 2, 0)


def test_who_takes_over_goes_on_where_the_one_before_was(world: World) -> None:
    world.rule()

    async def first() -> None:
        watch = world.watch()
        await watch.process(TRADE_TP, [BINANCE.trade(1, 99), BINANCE.trade(2, 101)], 2)
        commits = await watch.finish(1.0)
        assert commits[TRADE_TP] == (3, "")

    async def second() -> Watch:
        [(key, value, _)] = [
            each for each in world.output.logs["checkpoints.alerts", PARTITION] if each[0] == b"trades"
        ]
        packed = unpack(value or b"")
        world.restored.packed = {(PARTITION, key.decode()): packed}
        watch = world.watch({TRADE_TP: 2})  # killed before it could commit
        await watch.process(TRADE_TP, [BINANCE.trade(2, 101), BINANCE.trade(3, 102), BINANCE.trade(4, 98)], 4)
        return watch

    asyncio.run(first())
    asyncio.run(second())
    assert [(one["state"], one["source_offset"]) for one in world.output.of(ALERTS, PARTITION)] == [
        ("fired", 2),
        ("cleared", 4),
    ]


def test_what_kafka_does_not_take_at_the_end_is_left_to_whoever_comes_next(world: World) -> None:
    world.rule()
    world.output.away = True

    async def run() -> None:
        watch = world.watch()
        await watch.process(TRADE_TP, [BINANCE.trade(1, 99), BINANCE.trade(2, 101)], 2)
        commits = await watch.finish(1.0)
        assert commits[TRADE_TP] == (0, "")
        assert ("checkpoints.alerts", PARTITION) not in world.output.logs

    asyncio.run(run())


def test_a_partition_that_is_not_ours_any_more_gives_nothing(world: World) -> None:
    async def run() -> Watch:
        watch = world.watch()
        await watch.process(SPREAD_TP, [BINANCE.top(1, 100)], 1)
        watch.own([TRADE_TP])
        await watch.process(SPREAD_TP, [BINANCE.top(2, 101)], 2)
        return watch

    watch = asyncio.run(run())
    assert SPREAD_TP not in watch.owned
    assert len(world.output.of(TOPS, OF_SYMBOL)) == 1


def test_what_cannot_be_read_is_counted_and_the_next_is_processed(world: World) -> None:
    async def run() -> Watch:
        watch = world.watch()
        bad = Record(1, b"x", b"nonsense", [])
        await watch.process(SPREAD_TP, [bad, BINANCE.top(2, 101)], 2)
        await watch.process(TOPS_TP, [Record(0, b"x", b"nonsense", [])], 0)
        return watch

    watch = asyncio.run(run())
    assert watch.tools.counts["unreadable"] == 2
    assert len(world.output.of(TOPS, OF_SYMBOL)) == 1


def test_tops_that_are_silent_are_withdrawn_by_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, stale_after_s=0.02)

    async def run() -> None:
        watch = world.watch()
        await watch.process(SPREAD_TP, [BINANCE.top(1, 100)], 1)
        await watch.process(TOPS_TP, written(world.output, TOPS, OF_SYMBOL), 1)
        await asyncio.sleep(0.03)
        await watch.tick()
        await watch.process(TOPS_TP, written(world.output, TOPS, OF_SYMBOL), 2)

    asyncio.run(run())
    [_, withdrawn] = written(world.output, TOPS, OF_SYMBOL)
    assert (withdrawn.key, withdrawn.value) == (b"BTC-USDT|binance.spot|book", None)
    assert [one["venues"] for one in world.output.of(CONSOLIDATED, OF_SYMBOL)] == [1, 0]


def test_a_feed_is_not_silent_while_records_wait_to_be_read(world: World) -> None:
    world.rule(condition={"kind": "feed_stale", "seconds": "1"})

    async def run() -> None:
        watch = world.watch()
        old = BINANCE.trade(1, 99)
        old.timestamp -= 5000
        await watch.process(TRADE_TP, [old], 3)
        await watch.tick()
        assert world.output.of(ALERTS, PARTITION) == []
        watch._looked_s = 0.0
        watch.owned[TRADE_TP].highwater = 2
        await watch.tick()

    asyncio.run(run())
    [alert] = world.output.of(ALERTS, PARTITION)
    assert (alert["kind"], alert["source_topic"]) == ("feed_stale", "clock")
    assert b"clock" in [key for key, _, _ in world.output.logs["checkpoints.alerts", PARTITION]]


def alert_record(offset: int, state: str = "fired") -> Record:
    from schemas.watcher_events import AlertEvent, alert_value

    event: Any = AlertEvent(
        "x",
        "y",
        "A-B",
        "t/0/1",
        "r",
        "r",
        "gap_opened",
        state,
        None,
        None,
        None,
        "m",
        True,
        1,  # type: ignore[arg-type]
    )
    source = Source("trades", PARTITION, offset, 0)
    return Record(
        offset, b"r", alert_value(IDS[ALERTS], event, source), [(HEADER, event_id(*source).encode())]
    )


def test_alerts_are_posted_once_and_committed_when_they_are_done_with(world: World) -> None:
    world.rule(condition={"kind": "gap_opened"}, webhook="https://hooks.example/x", cleared=False)

    async def run() -> None:
        watch = world.watch()
        posted: list[Any] = []
        watch.posts.put = posted.append  # type: ignore[method-assign]
        await watch.process(
            ALERTS_TP, [alert_record(0), alert_record(0), alert_record(2, "cleared"), alert_record(3)], 3
        )
        # Of those only two: one is repeated, and of what has ended the rule wants to hear nothing.
        assert [one.alert for one in posted] == ["r:t/0/1"] * 2
        assert watch.commits()[ALERTS_TP] == (0, "")
        posted[0].done()
        assert watch.commits()[ALERTS_TP] == (0, "")
        posted[1].done()
        offset, text = watch.commits()[ALERTS_TP]
        assert offset == 4
        other = world.watch({ALERTS_TP: offset}, {ALERTS_TP: text})
        other.posts.put = posted.append  # type: ignore[method-assign]
        repeated = alert_record(3)
        repeated.offset = 4
        await other.process(ALERTS_TP, [repeated, alert_record(5)], 5)
        assert len(posted) == 3

    asyncio.run(run())


def test_an_error_of_a_takeover_ends_the_watcher(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Restored:
        raise ValueError("no")

    async def run() -> None:
        monkeypatch.setattr(module, "restore", fail)
        watch = world.watch()
        await asyncio.sleep(0.05)
        with pytest.raises(ValueError, match="no"):
            await watch.tick()

    asyncio.run(run())
