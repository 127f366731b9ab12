"""A book from its updates or its snapshots: which of them count, and what its state is."""

from __future__ import annotations

from typing import Any

from gateway.book_replica import BookReplica, Change
from gateway.books import Books
from schemas.codec import UNIT
from tests.unit.gateway.clients import Events


def replica() -> BookReplica:
    return BookReplica("binance", "spot", "BTC-USDT")


def levels(one: BookReplica) -> tuple[dict[int, int], dict[int, int]]:
    bids, asks = (zip(*side.levels(), strict=True) for side in (one.book.bids, one.book.asks))
    return {p // UNIT: q // UNIT for p, q in bids}, {p // UNIT: q // UNIT for p, q in asks}


def units(changed: Any) -> dict[int, int]:
    return {price // UNIT: quantity // UNIT for price, quantity in changed.items()}


def test_what_comes_before_the_first_image_is_nothing() -> None:
    one, events = replica(), Events()
    assert one.update(events.update("delta", [(9, 1)])) is None
    assert one.update(events.update("delta", state="resyncing")) is None
    assert (one.seq, one.source) == (0, None)
    assert one.update(events.update("image", [(9, 1)], [(11, 1)])) is not None
    assert (one.seq, one.source, one.state, levels(one)) == (1, "book_updates", "live", ({9: 1}, {11: 1}))


def test_a_change_says_what_stood_there_before() -> None:
    one, events = replica(), Events()
    one.update(events.update("image", [(9, 1), (8, 2)], [(11, 1)]))
    change = one.update(events.update("delta", [(9, 0), (7, 3), (8, 2), (7, 4)], [(11, 5)]))
    assert isinstance(change, Change)
    assert (units(change.bids), units(change.asks)) == ({9: 1, 7: 0}, {11: 1})
    image = one.update(events.update("image", [(8, 2), (6, 1)], [(11, 5)]))
    assert image is not None
    assert (units(image.bids), units(image.asks)) == ({7: 4, 6: 0}, {})


def test_what_falls_out_of_the_window_is_part_of_the_change() -> None:
    one, events = replica(), Events()
    one.update(events.update("image", [(9, 1), (8, 2)]))
    change = one.update(events.update("delta", [(10, 3)], depth=2))
    assert change is not None
    assert (units(change.bids), levels(one)[0]) == ({10: 0, 8: 2}, {10: 3, 9: 1})


def test_a_lost_book_waits_for_its_image() -> None:
    one, events = replica(), Events()
    one.update(events.update("image", [(9, 1)]))
    assert one.update(events.update("delta", state="resyncing")) == Change({}, {})
    assert (one.state, one.seq) == ("resyncing", 2)
    assert one.update(events.update("delta", [(9, 5)])) is None
    assert levels(one)[0] == {9: 1}
    one.update(events.update("image", [(9, 7)]))
    assert (one.state, levels(one)[0]) == ("live", {9: 7})


def test_one_that_was_asked_for_is_shown_until_the_sockets_goes_on() -> None:
    one, events = replica(), Events()
    one.update(events.update("image", [(9, 1)]))
    for price in (5, 6):
        one.update(events.update("image", [(price, 1)], source="poll", state="degraded"))
        assert (one.state, levels(one)[0]) == ("degraded", {price: 1})
    change = one.update(events.update("delta", [(8, 1)]))
    assert change is not None
    assert (one.state, levels(one)[0], units(change.bids)) == ("live", {9: 1, 8: 1}, {6: 1, 9: 0, 8: 0})


def test_the_sockets_book_that_is_lost_meanwhile_does_not_come_back() -> None:
    one, events = replica(), Events()
    one.update(events.update("image", [(9, 1)]))
    one.update(events.update("image", [(5, 1)], source="poll", state="degraded"))
    one.update(events.update("delta", state="resyncing"))
    assert one.update(events.update("delta", [(8, 1)])) is None
    assert (one.state, levels(one)[0]) == ("resyncing", {5: 1})


def test_snapshots_count_where_there_are_no_updates() -> None:
    one, events = replica(), Events()
    one.snapshot(events.snapshot([(9, 1)], [(11, 1)]))
    assert (one.state, one.source, levels(one)) == ("live", "book_snapshots", ({9: 1}, {11: 1}))
    one.update(events.update("image", [(9, 1), (8, 1)]))
    assert one.snapshot(events.snapshot([(9, 1)])) is None
    assert (one.source, levels(one)[0]) == ("book_updates", {9: 1, 8: 1})
    late = events.snapshot([(9, 3)])
    late["receive_time"] += 61_000_000
    assert one.snapshot(late) is not None
    assert (one.source, levels(one)[0]) == ("book_snapshots", {9: 3})
    assert one.update(events.update("delta", [(8, 1)])) is None


def test_the_ledger_says_when_a_book_of_snapshots_is_lost() -> None:
    one, events = replica(), Events()
    one.snapshot(events.snapshot([(9, 1)]))
    assert one.gap(events.gap("a", "opened", stream="trades")) is None
    assert one.gap(events.gap("a", "opened", cause="time")) is None
    assert one.gap(events.gap("a", "opened")) == Change({}, {})
    assert one.state == "resyncing"
    one.snapshot(events.snapshot([(9, 2)]))  # made while it joined, in vain
    assert (one.state, levels(one)[0]) == ("resyncing", {9: 2})
    closed = events.gap("a", "closed")
    assert one.gap(closed) is None  # the snapshot that belongs to it is still to come
    assert one.state == "resyncing"
    joined = events.snapshot([(9, 3)])
    joined["source_offset"] = closed["source_offset"]
    one.snapshot(joined)
    assert one.state == "live"


def test_a_gap_that_is_told_late_is_closed_at_once() -> None:
    one, events = replica(), Events()
    opened, closed = events.gap("a", "opened"), events.gap("a", "closed")
    one.snapshot(events.snapshot([(9, 1)]))  # topics are read side by side
    one.gap(opened)
    assert one.state == "resyncing"
    one.gap(closed)
    assert one.state == "live"


def test_books_tell_their_observers_of_each_change() -> None:
    books, events = Books(), Events()
    told: list[tuple[str, int]] = []
    books.observers.append(lambda one, _: told.append((one.key, one.seq)))
    assert books.get(events.key) is None
    books.take("gaps", events.key, events.gap("a", "opened"))
    assert books.get(events.key) is None  # nothing is known of it yet
    books.take("book_updates", events.key, events.update("image", [(9, 1)]))
    books.take("trades", events.key, events.trade(1))
    books.take("book_updates", events.key, events.update("delta", [(9, 2)]))
    assert told == [(events.key, 1), (events.key, 2)]
    assert books.get(events.key) is books.of("binance", "spot", "BTC-USDT")
    assert books.epoch != Books().epoch
