"""What is known of a book is the same in whatever order the topics that speak of it are read."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import TOPS
from schemas.codec import UNIT
from streams.watcher.consolidation import Consolidation
from streams.watcher.tops import TopKeeper, TopRecord, partition_of
from tests.unit.streams.watcher.values import read

STALE_S = 10
SECOND = 1_000_000


def base(offset: int, index: int, at_s: float | None = None) -> dict[str, Any]:
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "receive_time": int((offset if at_s is None else at_s) * SECOND),
        "source_topic": "raw.binance.spot",
        "source_partition": 2,
        "source_offset": offset,
        "source_index": index,
    }


def spread(
    offset: int,
    bid: int,
    *,
    index: int = 0,
    state: str = "live",
    origin: str = "book",
    at_s: float | None = None,
) -> tuple[str, dict[str, Any]]:
    prices = {
        "bid_price": bid * UNIT,
        "bid_quantity": UNIT,
        "ask_price": (bid + 1) * UNIT,
        "ask_quantity": UNIT,
    }
    return "spreads", {**base(offset, index, at_s), "origin": origin, "state": state, **prices}


def snapshot(offset: int, bid: int, *, index: int = 0, state: str = "live") -> tuple[str, dict[str, Any]]:
    return "book_snapshots", {
        **base(offset, index),
        "state": state,
        "bid_prices": [bid * UNIT, (bid - 1) * UNIT],
        "bid_quantities": [UNIT, UNIT],
        "ask_prices": [(bid + 1) * UNIT],
        "ask_quantities": [UNIT],
    }


def gap(offset: int, phase: str, *, index: int = 1, stream: str = "book") -> tuple[str, dict[str, Any]]:
    return "gaps", {**base(offset, index), "stream": stream, "phase": phase}


class Keeper:
    def __init__(self) -> None:
        self.keeper = TopKeeper(7, partitions=6, stale_micros=STALE_S * SECOND)
        self.written: list[TopRecord] = []

    def tell(self, *events: tuple[str, dict[str, Any]]) -> list[tuple[str, bool, int | None]]:
        """Origin, whether it is live, and bid of what is written."""
        found = [record for event in events if (record := self.keeper.take(*event)) is not None]
        self.written += found
        values = [read(TOPS, record.value) for record in found]
        return [
            (one["origin"], one["live"], None if one["bid_price"] is None else one["bid_price"] // UNIT)
            for one in values
        ]


def test_a_top_is_written_when_it_changes_and_now_and_then_to_say_that_it_is_true() -> None:
    keeper = Keeper()
    assert keeper.tell(spread(1, 10)) == [("book", True, 10)]
    assert keeper.tell(snapshot(2, 10), snapshot(3, 10)) == []
    assert keeper.tell(snapshot(4, 10)) == [("book", True, 10)]
    assert keeper.tell(spread(5, 11)) == [("book", True, 11)]


def test_a_gap_of_the_book_ends_it_until_the_top_behind_it() -> None:
    keeper = Keeper()
    keeper.tell(spread(1, 10))
    assert keeper.tell(gap(2, "opened")) == [("book", False, None)]
    assert keeper.tell(gap(2, "opened", stream="trades", index=2)) == []
    assert keeper.tell(snapshot(3, 20), gap(3, "closed")) == [("book", True, 20)]


def test_the_topics_may_come_in_another_order() -> None:
    keeper = Keeper()
    keeper.tell(spread(1, 10))
    assert keeper.tell(spread(5, 12)) == [("book", True, 12)]
    assert keeper.tell(gap(2, "opened"), gap(3, "closed"), snapshot(3, 20)) == []


@pytest.mark.parametrize("long_s", [1.0, STALE_S])
def test_the_top_behind_a_gap_is_told_under_an_id_of_its_own(long_s: float) -> None:
    keeper = Keeper()
    topic, end = gap(2, "closed")
    end["receive_time"] += int(long_s * SECOND)
    keeper.tell(gap(0, "opened"), (topic, end))
    assert keeper.tell(spread(1, 10, state="degraded")) == []
    assert keeper.tell(snapshot(2, 20)) == [("book", True, 20)]
    ids = [dict(record.headers)["event_id"] for record in keeper.written]
    assert len(set(ids)) == len(ids) == 2


def test_an_image_that_heals_in_the_record_that_shows_the_loss() -> None:
    events = [snapshot(5, 20), gap(5, "opened"), gap(5, "closed", index=2)]
    for order in ((0, 1, 2), (1, 0, 2), (1, 2, 0)):
        keeper = Keeper()
        keeper.tell(spread(1, 10))
        assert keeper.tell(*(events[each] for each in order))[-1] == ("book", True, 20)


def test_what_is_not_live_is_written_as_not_live() -> None:
    keeper = Keeper()
    keeper.tell(spread(1, 10))
    assert keeper.tell(spread(2, 11, state="degraded")) == [("book", False, None)]
    assert keeper.tell(spread(3, 12)) == [("book", True, 12)]


def test_the_exchange_s_own_word_is_for_markets_without_a_book() -> None:
    keeper = Keeper()
    assert keeper.tell(spread(1, 10, origin="ticker")) == [("ticker", True, 10)]
    keeper.tell(spread(2, 11))
    assert keeper.tell(spread(3, 12, origin="ticker")) == []
    assert keeper.tell(spread(4, 12, origin="ticker", at_s=12.5)) == [("ticker", True, 12)]


def test_all_books_of_a_symbol_stand_in_one_partition() -> None:
    keeper = Keeper()
    keeper.tell(spread(1, 10))
    event = spread(1, 10)[1] | {"exchange": "okx", "source_topic": "raw.okx.spot"}
    keeper.tell(("spreads", event))
    assert {record.partition for record in keeper.written} == {partition_of("BTC-USDT", 6)}
    assert [record.key for record in keeper.written] == [
        b"BTC-USDT|binance.spot|book",
        b"BTC-USDT|okx.spot|book",
    ]


def test_who_was_started_anew_ends_what_was_told_before_it_from_farther_on() -> None:
    """It has not read the top behind the first gap, which another has told: what it has told itself ends there, and is passed over."""
    anew = Keeper()
    assert anew.tell(spread(1, 10), gap(2, "opened"), gap(3, "closed"))[-1] == ("book", False, None)
    assert anew.tell(gap(4, "opened")) == [("book", False, None)]
    assert anew.tell(spread(6, 31, state="degraded")) == [("book", False, None)]


RAW = st.lists(
    st.sampled_from(["spread", "snapshot", "both", "lose", "join", "image", "degraded"]), max_size=25
)


def tell_of(steps: list[str]) -> tuple[dict[str, list[tuple[str, dict[str, Any]]]], tuple[bool, int | None]]:
    """The events a worker would write, by topic, and whether its book is live at the end, and its best bid as it was told."""
    events: dict[str, list[tuple[str, dict[str, Any]]]] = {"spreads": [], "book_snapshots": [], "gaps": []}
    live, bid, shown = True, 100, None
    for offset, step in enumerate(steps):
        bid += 1
        if step == "lose" and live:
            live = False
            events["gaps"].append(gap(offset, "opened"))
            shown = None
        elif step == "join" and not live:
            live = True
            events["book_snapshots"].append(snapshot(offset, bid))
            events["gaps"].append(gap(offset, "closed"))
            shown = bid
        elif step == "image" and live:
            events["spreads"].append(spread(offset, bid))
            events["book_snapshots"].append(snapshot(offset, bid, index=1))
            events["gaps"] += [gap(offset, "opened", index=2), gap(offset, "closed", index=3)]
            shown = bid
        elif step == "degraded" and not live:
            events["spreads"].append(spread(offset, bid, state="degraded"))
        elif live and step in ("spread", "snapshot", "both"):
            shown = bid
            if step != "snapshot":
                events["spreads"].append(spread(offset, bid))
            if step != "spread":
                events["book_snapshots"].append(snapshot(offset, bid, index=1))
    return events, (live, shown)


@given(RAW, st.data())
def test_in_whatever_order_topics_are_read_the_end_is_the_worker_s_own_book(
    steps: list[str], data: st.DataObject
) -> None:
    events, (live, bid) = tell_of(steps)
    # Another order of the three topics, each in its own; and some of it twice, as after a restart that forgot all.
    left = {name: list(each) for name, each in events.items()}
    cut = data.draw(st.integers(0, sum(map(len, left.values()))))
    read_: list[tuple[str, dict[str, Any]]] = []
    keepers = [TopKeeper(7, partitions=6, stale_micros=1000 * SECOND) for _ in range(2)]
    written: list[TopRecord] = []
    while any(left.values()):
        name = data.draw(st.sampled_from([name for name, each in left.items() if each]))
        event = left[name].pop(0)
        read_.append(event)
        written += filter(None, [keepers[len(read_) > cut].take(*event)])
        if len(read_) == cut:  # killed here: each topic is read again from some way back
            for topic in events:
                mine = [one for one in read_ if one[0] == topic]
                back = data.draw(st.integers(0, len(mine)))
                left[topic] = mine[len(mine) - back :] + left[topic]
    book = Consolidation(stale_micros=1000 * SECOND)

    def best(records: list[TopRecord]) -> int | None:
        for record in records:
            found = book.take(record.key, read(TOPS, record.value), dict(record.headers)["event_id"], 0.0)
            if found is not None:
                said.append(found.bid and found.bid.price // UNIT)
        return said[-1]

    said: list[int | None] = [None]
    # Who was started anew may not know what the top behind a gap was, and waits; what it says is never what is no more.
    assert best(written) in ({bid, None} if 0 < cut < len(read_) else {bid})
    if live:
        record = keepers[len(read_) > cut].take(*spread(len(steps), 500))
        assert record is not None
        assert best([record]) == 500


def test_orders_are_all_tried_for_a_short_history() -> None:
    """The cases that matter, without chance: lost, joined, changed, in each order that topics can come in."""
    events = [spread(1, 10), gap(2, "opened"), snapshot(3, 20), gap(3, "closed"), spread(4, 21)]
    for order in itertools.permutations(range(5)):
        by_topic = {name: [each for each in order if events[each][0] == name] for name in ("spreads", "gaps")}
        if all(each == sorted(each) for each in by_topic.values()):
            keeper = Keeper()
            assert keeper.tell(*(events[each] for each in order))[-1] == ("book", True, 21)
