"""A book rebuilt from the middle of the raw log is compared from where it must be equal, and not before."""

from __future__ import annotations

from audit.warmth import Warmth
from bookmill.settings import WorkerSettings
from streams.emitter import Events, OutgoingEvent
from streams.partition import RawPartition
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, snapshot, trade
from venues.binance import BinanceSpot

STEP_MS = 100
"""Between two records."""


def partition(position: int) -> RawPartition:
    return RawPartition(BinanceSpot(), TOPIC, 3, position, SCHEMA_IDS, WorkerSettings())


def change(offset: int, number: int, bid: str) -> Record:
    return depth(offset, number, number, [[bid, "1"]], time_ms=offset * 300)


def day() -> list[Record]:
    """A loss and a snapshot in its middle."""
    records = [depth(0, 1, 1), snapshot(1, 1, [["9", "1"]], [["11", "1"]])]
    records += [change(offset, offset, f"9.{offset}") for offset in range(2, 40)]
    records.append(change(40, 60, "9.5"))  # something is missing before it
    records.append(snapshot(41, 60, [["9.6", "1"]], [["11", "2"]]))
    records += [change(offset, offset + 19, f"9.{offset}") for offset in range(42, 80)]
    return records


def after(events: list[OutgoingEvent], offset: int) -> list[OutgoingEvent]:
    return [event for event in events if int(event[2][0][1].split(b"/")[2]) >= offset]


def in_steps(raw: RawPartition, warmth: Warmth | None, records: list[Record]) -> Events:
    events = Events()
    for record in records:
        given = raw.process([record]).events
        for name in ("trades", "spreads", "book_snapshots"):
            getattr(events, name).extend(getattr(given, name))
        if warmth:
            warmth.look(record.offset * STEP_MS)
    return events


def test_from_the_first_interval_after_it_has_joined_it_gives_what_the_live_book_gave() -> None:
    records = day()
    live = in_steps(partition(0), None, records)
    raw = partition(20)
    warmth = Warmth(raw)
    rebuilt = in_steps(raw, warmth, records[20:])
    [(symbol, since)] = warmth.books(80).items()
    assert symbol == "BTC-USDT"
    assert 42 < since < 60
    assert after(rebuilt.spreads, since) == after(live.spreads, since) != []
    assert after(rebuilt.book_snapshots, since) == after(live.book_snapshots, since) != []
    assert rebuilt.book_snapshots != after(live.book_snapshots, 20)


def test_a_book_that_never_joins_is_never_compared() -> None:
    raw = partition(2)
    warmth = Warmth(raw)
    in_steps(raw, warmth, day()[2:40])
    assert warmth.books(40) == {"BTC-USDT": 40}


def test_trades_that_count_are_compared_a_minute_after_the_first_one() -> None:
    raw = partition(5)
    warmth = Warmth(raw)
    in_steps(raw, warmth, [trade(offset, offset) for offset in range(5, 900)])
    assert warmth.trades(900) == {"BTC-USDT": 5 + 60_000 // STEP_MS + 2}


def test_trades_that_nothing_counts_are_compared_when_the_memory_is_full() -> None:
    raw = partition(5)
    raw.open("BTCUSDT", "BTC-USDT").trades.flow.sequence = "none"
    warmth = Warmth(raw)
    in_steps(raw, warmth, [trade(offset, offset) for offset in range(5, 1400)])
    assert warmth.trades(1400)["BTC-USDT"] > 600
