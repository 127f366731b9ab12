"""What a worker says of itself is read by another thread, while books change."""

from __future__ import annotations

from bookmill.settings import WorkerSettings
from streams.partition import RawPartition
from streams.statistics import _describe
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, depth, snapshot
from venues.binance import BinanceSpot


def test_a_book_in_the_middle_of_a_change_is_told_as_it_was_before() -> None:
    raw = RawPartition(BinanceSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())
    raw.process(
        [
            depth(0, 100, 101, [["9", "1"]]),
            snapshot(1, 101, [["9", "1"]], [["11", "2"]]),
            depth(2, 102, 102, [["9.5", "3"]]),
        ]
    )
    [instrument] = raw.instruments.values()
    bids = instrument.book.synchronizer.book.bids
    del bids._quantities[bids._keys[-1]]  # its price goes next
    told = _describe(instrument)
    assert (told["bid"], told["bid_quantity"], told["ask"]) == ("9.5", "3", "11")


def test_a_book_that_is_not_there_yet_has_no_prices() -> None:
    raw = RawPartition(BinanceSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())
    raw.process([depth(0, 100, 101, [["9", "1"]])])
    [instrument] = raw.instruments.values()
    told = _describe(instrument)
    assert (told["state"], told["bid"], told["spread"]) == ("resyncing", None, None)
