"""What a book says of its changes: images where they belong, deltas between, and that it is lost."""

from __future__ import annotations

from typing import Any

from bookmill.settings import WorkerSettings
from schemas.catalogue import BOOK_UPDATES
from schemas.codec import UNIT
from schemas.event_id import HEADER
from streams.partition import RawPartition, Work
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, depth, read, snapshot, ticker
from venues.binance import BinanceSpot

SECOND_MS = 1000


def partition(**settings: Any) -> RawPartition:
    chosen = WorkerSettings(book_updates=True, **settings)
    return RawPartition(BinanceSpot(), TOPIC, 3, 0, SCHEMA_IDS, chosen)


def updates(work: Work) -> list[dict[str, Any]]:
    found = []
    for _, value, headers in work.events.book_updates:
        event = read(BOOK_UPDATES, value)
        place = event["source_offset"], event["source_index"]
        assert headers == [(HEADER, b"raw.binance.spot/3/%020d/%06d" % place)]
        found.append(event)
    return found


def kinds(work: Work) -> list[tuple[str, str, int]]:
    return [(each["kind"], each["state"], each["update_id"]) for each in updates(work)]


def test_an_image_comes_with_each_join_and_once_in_so_many_intervals() -> None:
    raw = partition(book_image_intervals=2)
    start_ms = 1_700_000_000_000
    records = [
        depth(0, 1, 2, [["9", "1"]], time_ms=start_ms),
        snapshot(1, 1, [["8", "1"]], [["11", "1"]]),
        *(depth(2 + n, 3 + n, 3 + n, [["9", "2"]], time_ms=start_ms + n * 500) for n in range(9)),
    ]
    told = updates(raw.process(records))
    assert [each["kind"] for each in told] == ["image", *["delta"] * 4, "image", *["delta"] * 3, "image"]
    first, change = told[0], told[1]
    assert (first["bid_prices"], first["bid_quantities"], first["ask_prices"]) == ([9, 8], [1, 1], [11])
    assert (change["bid_prices"], change["bid_quantities"], change["ask_prices"]) == ([9], [2], [])


def test_a_lost_book_says_so_once_and_is_silent_until_it_is_whole() -> None:
    raw = partition()
    work = raw.process(
        [
            depth(0, 1, 2),
            snapshot(1, 1, [["8", "1"]], [["11", "1"]]),
            depth(2, 5, 5, [["9", "1"]]),
            depth(3, 6, 6, [["9", "2"]]),
            snapshot(4, 3, [["8", "1"]], []),  # older than what waits: it does not join
            snapshot(5, 5, [["8", "7"]], [["11", "1"]]),
        ]
    )
    assert kinds(work) == [("image", "live", 2), ("delta", "resyncing", 2), ("image", "live", 6)]
    assert [float(each) for each in updates(work)[-1]["bid_quantities"]] == [2, 7]


def test_they_are_numbered_for_themselves() -> None:
    raw = partition()
    raw.process([depth(0, 1, 2), snapshot(1, 1, [["8", "1"]], [["11", "1"]])])
    work = raw.process([depth(2, 3, 3, [["9", "1"]]), ticker(3, 3, "9", "11")])
    [(_, _, headers)] = work.events.book_updates
    assert headers == [(HEADER, b"raw.binance.spot/3/%020d/000000" % 2)]
    assert [dict(headers)[HEADER][-6:] for _, _, headers in work.events.spreads] == [b"000000", b"000000"]


def test_a_book_that_nobody_can_read_is_lost_to_readers_alone() -> None:
    """A quantity in base units of more than 38 digits, deep in the book: all else of the frame is told."""
    raw = partition(snapshot_levels=1)
    raw.process([depth(0, 1, 2), snapshot(1, 1, [["8", "1"]], [["11", "1"]])])
    [instrument] = raw.instruments.values()
    large = depth(2, 3, 3, [["9", "1"], ["1", "9" * 20]])
    one_contract = ("unit", b"1000")
    large.headers = (*large.headers, one_contract)
    after = depth(3, 4, 4, [["9", "2"]])
    after.headers = (*after.headers, one_contract)
    work = raw.process([large, after])
    assert kinds(work) == [("delta", "resyncing", 3), ("delta", "live", 4)]
    assert (work.dead_letters, len(work.events.spreads)) == ([], 2)
    assert instrument.book.synchronizer.book.top()[1] == 2 * UNIT
