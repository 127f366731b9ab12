"""A book restored from its checkpoint goes on with the same events and ids, and needs no earlier record."""

from __future__ import annotations

import random
from typing import Any

from bookmill.settings import WorkerSettings
from streams.checkpoints import _read, pack, restore
from streams.emitter import Events
from streams.mill import OwnedPartition
from streams.partition import RawPartition
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, snapshot, ticker, trade
from venues.binance import BinanceSpot


def partition(position: int = 0) -> RawPartition:
    return RawPartition(BinanceSpot(), TOPIC, 3, position, SCHEMA_IDS, WorkerSettings())


def day(count: int) -> list[Record]:
    """A seeded stream of diffs, trades and tickers with a snapshot near its begin."""
    chance = random.Random(7)
    records: list[Record] = [
        depth(0, 1, 2),
        snapshot(1, 1, [["100", "1"], ["99", "1"]], [["101", "1"], ["102", "1"]]),
    ]
    last = 2
    for offset in range(2, count):
        kind = chance.random()
        if kind < 0.6:
            last += 1
            bids: list[Any] = [[str(chance.randint(90, 100)), str(chance.randint(0, 3))]]
            asks: list[Any] = [[str(chance.randint(101, 110)), str(chance.randint(0, 3))]]
            records.append(depth(offset, last, last, bids, asks, time_ms=offset * 200))
        elif kind < 0.8:
            records.append(trade(offset, offset))
        else:
            records.append(ticker(offset, last, "100", "101"))
    return records


def test_a_restored_book_gives_the_same_events_with_the_same_ids() -> None:
    records = day(600)
    straight = partition()
    straight.process(records[:300])
    [instrument] = straight.instruments.values()
    checkpoint = _read(pack(straight, instrument), "checkpoints.books", 3, 0)
    assert checkpoint is not None
    expected = straight.process(records[300:]).events

    taken_over = partition(250)
    assert restore(taken_over, [checkpoint]) == 1
    repeated = taken_over.process(records[250:300])
    assert not any(dict(event[2]) for event in repeated.events.book_snapshots)
    assert repeated.covered > 0
    assert taken_over.process(records[300:]).events == expected
    assert taken_over.instruments[b"BTCUSDT"].synchronizer.book.top() == instrument.synchronizer.book.top()


def test_what_a_checkpoint_contains_is_passed_over() -> None:
    records = day(300)
    straight = partition()
    straight.process(records[:200])
    checkpoint = _read(pack(straight, straight.instruments[b"BTCUSDT"]), "checkpoints.books", 3, 0)
    assert checkpoint is not None
    taken_over = partition(100)
    restore(taken_over, [checkpoint])
    again = taken_over.process(records[100:200])
    assert (again.covered, again.events) == (100, Events())


def test_arbitrary_bytes_are_no_checkpoint_and_no_crash() -> None:
    for junk in (None, b"", b"x", b"\x00" * 40, pack_of_another_version()):
        assert _read(junk, "checkpoints.books", 3, 0) is None


def pack_of_another_version() -> bytes:
    raw = partition()
    raw.process(day(10))
    return pack(raw, raw.instruments[b"BTCUSDT"]).replace(b"\x03", b"\x01", 1)


def test_a_checkpoint_waits_until_the_events_it_contains_are_stored() -> None:
    raw = partition()
    owned = OwnedPartition(raw)
    work = raw.process(day(50))
    stored = owned.deliveries.expect(work.position, 1)
    owned.take_checkpoints(0.0, most=10)
    assert owned.storable_checkpoints() == []
    assert owned.commit()[0] == 0
    stored()
    [(key, _)] = owned.storable_checkpoints()
    assert (key, owned.storable_checkpoints()) == (b"BTCUSDT", [])
    assert owned.commit() == (0, '{"processed": 50}')
    raw.covers(key)
    assert owned.commit() == (50, '{"processed": 50}')


def test_a_checkpoint_is_taken_again_only_when_something_has_come() -> None:
    raw = partition()
    owned = OwnedPartition(raw)
    raw.process([depth(0, 1, 2)])
    owned.take_checkpoints(0.0, most=10)
    assert raw.covering == {b"BTCUSDT": (1, 0)}
    raw.covers(b"BTCUSDT")
    owned.take_checkpoints(0.0, most=10)
    assert (raw.covering, raw.needed) == ({}, {b"BTCUSDT": 0})
    raw.process([trade(1, 1)])
    owned.take_checkpoints(0.0, most=10)
    assert raw.covering == {b"BTCUSDT": (2, 0)}
