"""The best over all live books is what looking at all of them gives, never of a stale one, and the same after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import UNIT
from schemas.event_id import event_id
from schemas.measures import measure
from schemas.watcher_events import Best
from streams.watcher.consolidation import Consolidated, Consolidation, Quote, best_of
from streams.watcher.tops import top_key

STALE_S = 10
SECOND = 1_000_000


def top(
    exchange: str,
    offset: int,
    bid: int | None,
    ask: int | None,
    *,
    at_s: float = 0,
    market: str = "spot",
    symbol: str = "BTC-USDT",
    origin: str = "book",
    live: bool = True,
    quantity: int = 1,
) -> dict[str, Any]:
    return {
        "exchange": exchange,
        "market": market,
        "symbol": symbol,
        "origin": origin,
        "live": live,
        "bid_price": None if bid is None else bid * UNIT,
        "bid_quantity": None if bid is None else quantity * UNIT,
        "ask_price": None if ask is None else ask * UNIT,
        "ask_quantity": None if ask is None else quantity * UNIT,
        "receive_time": int(at_s * SECOND),
        "source_topic": f"raw.{exchange}.{market}",
        "source_partition": 0,
        "source_offset": offset,
        "source_index": 0,
    }


def key_of(one: dict[str, Any]) -> bytes:
    return top_key(one["exchange"], one["market"], one["symbol"], one["origin"])


def id_of(one: dict[str, Any]) -> bytes:
    return event_id(one["source_topic"], 0, one["source_offset"], 0).encode()


class Book:
    """A consolidation, and a short way to tell it something."""

    def __init__(self) -> None:
        self.all = Consolidation(stale_micros=STALE_S * SECOND)
        self.now_s = 0.0

    def tell(self, one: dict[str, Any]) -> Consolidated | None:
        return self.all.take(key_of(one), one, id_of(one), self.now_s)

    def withdraw(self, one: dict[str, Any]) -> Consolidated | None:
        return self.all.take(key_of(one), None, id_of(one), self.now_s)


def sides(said: Consolidated | None) -> Any:
    assert said is not None
    return (
        said.bid and (said.bid.price // UNIT, said.bid.exchange),
        said.ask and (said.ask.price // UNIT, said.ask.exchange),
        said.venues,
    )


def test_the_best_of_each_side_is_told_when_it_changes() -> None:
    book = Book()
    assert sides(book.tell(top("a", 1, 10, 12))) == ((10, "a"), (12, "a"), 1)
    assert sides(book.tell(top("b", 1, 11, 13))) == ((11, "b"), (12, "a"), 2)
    assert book.tell(top("b", 2, 11, 14)) is None  # not the best of anything
    assert sides(book.tell(top("b", 3, 9, 14))) == ((10, "a"), (12, "a"), 2)


def test_of_equal_prices_the_larger_counts_then_the_name() -> None:
    book = Book()
    book.tell(top("b", 1, 10, 12))
    assert sides(book.tell(top("a", 1, 10, 12)))[:2] == ((10, "a"), (12, "a"))
    assert sides(book.tell(top("b", 2, 10, 12, quantity=2)))[:2] == ((10, "b"), (12, "b"))


def test_a_book_that_is_not_live_is_left_out_and_when_none_is_left_it_is_said() -> None:
    book = Book()
    book.tell(top("a", 1, 10, 12))
    book.tell(top("b", 1, 11, 13))
    assert sides(book.tell(top("b", 2, None, None, live=False))) == ((10, "a"), (12, "a"), 1)
    assert sides(book.tell(top("a", 2, None, None, live=False))) == (None, None, 0)
    assert book.tell(top("a", 3, None, None, live=False)) is None


def test_a_book_of_which_nothing_was_heard_is_left_out_by_the_time_of_receipt() -> None:
    book = Book()
    book.tell(top("a", 1, 10, 12, at_s=100))
    book.tell(top("b", 1, 9, 13, at_s=110))
    assert sides(book.tell(top("b", 2, 8, 13, at_s=110.000001))) == ((8, "b"), (13, "b"), 1)
    # Of another symbol's time it knows nothing.
    book.tell(top("b", 3, 8, 13, at_s=500, symbol="ETH-USDT"))
    assert sides(book.tell(top("a", 2, 10, 12, at_s=111))) == ((10, "a"), (12, "a"), 2)


def test_kinds_are_not_compared() -> None:
    book = Book()
    book.tell(top("a", 1, 10, 12))
    said = book.tell(top("a", 1, 11, 11, market="usdm"))
    assert said is not None
    assert (said.kind, said.venues) == ("perpetual", 1)
    future = book.tell(top("a", 2, 11, 11, market="usdm", symbol="BTC-USDT-261225"))
    assert future is not None
    assert future.kind == "future"


def test_the_exchange_s_own_word_counts_where_no_book_is_heard_of() -> None:
    book = Book()
    assert sides(book.tell(top("a", 1, 10, 12, origin="ticker"))) == ((10, "a"), (12, "a"), 1)
    assert sides(book.tell(top("a", 2, 9, 13))) == ((9, "a"), (13, "a"), 1)
    assert book.tell(top("a", 3, 11, 12, origin="ticker")) is None
    assert sides(book.tell(top("a", 4, None, None, live=False))) == (None, None, 0)
    assert sides(book.tell(top("a", 5, 11, 12, origin="ticker", at_s=10.5))) == ((11, "a"), (12, "a"), 1)


def test_what_the_clock_withdraws_is_gone_unless_something_has_come_meanwhile() -> None:
    book = Book()
    first, second = top("a", 1, 10, 12), top("a", 2, 10, 13)
    book.tell(first)
    book.now_s = 9.9
    assert list(book.all.silent(book.now_s)) == []
    book.now_s = 10.0
    [silent] = book.all.silent(book.now_s)
    assert (silent.key, silent.identity) == (key_of(first), id_of(first))
    assert list(book.all.silent(book.now_s)) == []  # once
    book.tell(second)
    assert book.withdraw(first) is None
    assert sides(book.withdraw(second)) == (None, None, 0)
    assert sides(book.tell(top("a", 3, 10, 13))) == ((10, "a"), (13, "a"), 1)


def test_what_is_said_again_after_a_restart_changes_nothing() -> None:
    book = Book()
    book.tell(top("a", 5, 10, 12))
    assert book.tell(top("a", 4, 8, 9)) is None
    assert book.tell(top("a", 5, 8, 9)) is None
    # A raw topic made anew begins at 0 again, later.
    assert sides(book.tell(top("a", 0, 8, 9, at_s=61)))[:2] == ((8, "a"), (9, "a"))


PRICES = st.one_of(st.none(), st.integers(1, 6))
QUOTES = st.lists(
    st.builds(
        lambda exchange, bid, ask, quantity: Quote(
            exchange,
            "spot",
            (bid and bid * UNIT, bid and quantity * UNIT, ask and ask * UNIT, ask and quantity * UNIT),
        ),
        st.sampled_from("abcde"),
        PRICES,
        PRICES,
        st.integers(1, 3),
    ),
    max_size=5,
    unique_by=lambda one: one.exchange,
)


@given(QUOTES)
def test_best_and_cross_are_those_of_looking_at_all_pairs(quotes: list[Quote]) -> None:
    bid, ask, cross = best_of(quotes)
    bids = [(one.top[0], one.top[1], one.exchange) for one in quotes if one.top[0] is not None]
    asks = [(one.top[2], one.top[3], one.exchange) for one in quotes if one.top[2] is not None]
    assert (bid and bid.price) == max((each[0] for each in bids), default=None)
    assert (ask and ask.price) == min((each[0] for each in asks), default=None)
    if bid:
        assert bid.quantity == max(each[1] or 0 for each in bids if each[0] == bid.price)
    pairs = [(b[0], a[0]) for b in bids for a in asks if b[2] != a[2]]
    widest = max((b - a for b, a in pairs if b is not None and a is not None), default=None)
    possible = {
        -bps
        for b, a in pairs
        if b is not None and a is not None and b - a == widest and (bps := measure(b, a)[2]) is not None
    }
    assert cross in possible if possible else cross is None
    assert bid is None or isinstance(bid, Best)


TOLD = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["spot", "usdm"]),
        st.sampled_from(["book", "ticker"]),
        PRICES,
        PRICES,
        st.booleans(),
        st.integers(0, 6),
    ),
    max_size=40,
)


def brute_force(told: Sequence[dict[str, Any]], market: str) -> tuple[Any, Any, int] | None:
    """What is true after all of these, looked up without any state."""
    mine = [one for one in told if one["market"] == market]
    if not mine:
        return None
    newest = max(one["receive_time"] for one in mine)
    quotes = []
    for exchange in "abc":
        last = {one["origin"]: one for one in mine if one["exchange"] == exchange}
        fresh = [
            last[origin]
            for origin in ("book", "ticker")
            if origin in last and newest - last[origin]["receive_time"] <= STALE_S * SECOND
        ]
        if fresh and fresh[0]["live"] and (fresh[0]["bid_price"], fresh[0]["ask_price"]) != (None, None):
            one = fresh[0]
            quotes.append(
                Quote(
                    exchange,
                    market,
                    (one["bid_price"], one["bid_quantity"], one["ask_price"], one["ask_quantity"]),
                )
            )
    bid, ask, _ = best_of(quotes)
    return bid, ask, len(quotes)


@given(TOLD, st.data())
def test_it_is_a_function_of_the_records_also_from_the_middle_on(
    told: list[Any], data: st.DataObject
) -> None:
    at_s, records = 0, []
    for offset, (exchange, market, origin, bid, ask, live, step) in enumerate(told):
        at_s += step
        records.append(top(exchange, offset, bid, ask, at_s=at_s, market=market, origin=origin, live=live))
    book, said = Book(), []
    latest: dict[str, Consolidated] = {}
    for number, record in enumerate(records):
        found = book.tell(record)
        said.append(found)
        if found is not None:
            latest[record["market"]] = found
        truth = brute_force(records[: number + 1], record["market"])
        now = latest[record["market"]]
        assert (now.bid, now.ask, now.venues) == truth
    # Whoever comes after restores what was before the committed offset, and says the same from there on.
    cut = data.draw(st.integers(0, len(records)))
    newest = {key_of(one): one for one in records[:cut]}
    kept = (
        [one for one in records[:cut] if newest[key_of(one)] is one]
        if data.draw(st.booleans())
        else records[:cut]
    )
    other = Book()
    for record in kept:
        other.all.restore(key_of(record), record, id_of(record), 0.0)
    other.all.restored()
    assert [other.tell(record) for record in records[cut:]] == said[cut:]


@pytest.mark.parametrize("gone", [True, False])
def test_what_was_withdrawn_is_withdrawn_after_a_restart_too(gone: bool) -> None:
    book, one = Book(), top("a", 1, 10, 12)
    book.all.restore(key_of(one), one, id_of(one), 0.0)
    if gone:
        book.all.restore(key_of(one), None, id_of(one), 0.0)
    book.all.restored()
    said = book.tell(top("b", 1, 9, 13))
    assert sides(said) == (((9, "b"), (13, "b"), 1) if gone else ((10, "a"), (12, "a"), 2))
