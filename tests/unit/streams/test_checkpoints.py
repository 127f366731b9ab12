"""A book restored from its checkpoint goes on with the same events and ids, and needs no earlier record."""

from __future__ import annotations

import random
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.settings import WorkerSettings
from streams.checkpoints import _decode, _encode, pack, read_one, restore
from streams.emitter import Events
from streams.owned import OwnedPartition
from streams.packed_levels import pack_levels, unpack_levels
from streams.partition import RawPartition
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, logs, snapshot, ticker, trade
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
    checkpoint = read_one(pack(straight, instrument), logs(straight, 600))
    assert checkpoint is not None
    expected = straight.process(records[300:]).events

    taken_over = partition(250)
    assert restore(taken_over, [checkpoint]) == 1
    repeated = taken_over.process(records[250:300])
    assert not any(dict(event[2]) for event in repeated.events.book_snapshots)
    assert repeated.covered > 0
    assert taken_over.process(records[300:]).events == expected
    assert (
        taken_over.instruments[b"BTCUSDT"].book.synchronizer.book.top()
        == instrument.book.synchronizer.book.top()
    )


def test_what_a_checkpoint_contains_is_passed_over() -> None:
    records = day(300)
    straight = partition()
    straight.process(records[:200])
    checkpoint = read_one(pack(straight, straight.instruments[b"BTCUSDT"]), logs(straight, 300))
    assert checkpoint is not None
    taken_over = partition(100)
    restore(taken_over, [checkpoint])
    again = taken_over.process(records[100:200])
    assert (again.covered, again.events) == (100, Events())


def packed(raw: RawPartition, **changed: Any) -> bytes:
    """The checkpoint of its one book, with some fields changed and its checksum right."""
    [instrument] = raw.instruments.values()
    one = msgspec.structs.replace(_decode(pack(raw, instrument)[4:]), **changed)
    return zlib.crc32(_encode(one)).to_bytes(4) + _encode(one)


def processed(count: int = 300) -> RawPartition:
    raw = partition()
    raw.incarnation = "now"
    raw.process(day(count))
    return raw


REFUSED = [
    ({"version": 1}, "version 1"),
    ({"incarnation": "before"}, "made anew"),
    ({"position": 301}, "ends at 300"),
]


@pytest.mark.parametrize(("changed", "reason"), REFUSED)
def test_a_checkpoint_of_another_time_is_refused_with_the_reason(
    changed: dict[str, Any], reason: str
) -> None:
    raw = processed()
    assert read_one(packed(raw), logs(raw, 300)) is not None
    with pytest.raises(ValueError, match=reason):
        read_one(packed(raw, **changed), logs(raw, 300))


def test_checkpoints_of_other_raw_topics_are_none_of_ours() -> None:
    raw = processed()
    assert read_one(packed(raw, raw_topic="raw.okx.spot"), logs(raw, 300)) is None
    assert read_one(None, logs(raw, 300)) is None


@given(st.binary(max_size=200) | st.sampled_from([b"\x00" * 4, b"\x00" * 40]))
def test_arbitrary_bytes_are_no_checkpoint(junk: bytes) -> None:
    with pytest.raises(ValueError, match=r"not what was written|it is none"):
        read_one(junk, logs(partition(), 300))


WHOLE = packed(processed())


@given(st.data())
def test_a_checkpoint_with_a_wrong_byte_is_none(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    junk = data.draw(
        st.sampled_from(
            [WHOLE[:at], WHOLE[:at] + WHOLE[at + 1 :], WHOLE[:at] + bytes([WHOLE[at] ^ 1]) + WHOLE[at + 1 :]]
        )
    )
    with pytest.raises(ValueError, match="not what was written"):
        read_one(junk, logs(processed(2), 300))


SIDES = st.lists(
    st.tuples(
        st.integers(0, 10**38 - 1) | st.integers(0, 10**7).map(lambda n: n * 10**14), st.integers(0, 10**38)
    ),
    max_size=20,
)


@given(SIDES)
def test_levels_are_unpacked_as_they_were(levels: list[tuple[int, int]]) -> None:
    prices, quantities = [price for price, _ in levels], [quantity for _, quantity in levels]
    data = pack_levels(prices, quantities)
    assert unpack_levels(data) == levels
    for broken in (data[:-1], data + b"x"):
        with pytest.raises(ValueError, match="levels"):
            unpack_levels(broken)


def test_usual_levels_take_sixteen_bytes() -> None:
    prices = [(61_602_00 + number) * 10**16 for number in range(1000)]
    assert len(pack_levels(prices, [10**13 * (number + 1) for number in range(1000)])) < 16 * 1000 + 64


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
