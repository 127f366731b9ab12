"""The book against a naive one, and the synchronizer against an exchange that loses, doubles and reorders its diffs."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bookmill.book import Book
from schemas.measures import measure
from streams.synchronizer import Phase, Synchronizer
from venues.binance.continuity import SpotContinuity, UsdmContinuity
from venues.interface import Continuity
from venues.messages import BookDiff, BookImage

LEVELS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=8)
DIFFS = st.lists(st.tuples(LEVELS, LEVELS), max_size=40)


class NaiveBook:
    """Two dicts, sorted whenever asked."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, *changes: list[tuple[int, int]]) -> None:
        for side, levels in zip(self.sides, changes, strict=True):
            for price, quantity in levels:
                side[price] = quantity
                if not quantity:
                    del side[price]

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return sorted(self.sides[0].items(), reverse=True), sorted(self.sides[1].items())


def levels(book: Book) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    bids, asks = book.bids.levels(), book.asks.levels()
    return list(zip(*bids, strict=True)), list(zip(*asks, strict=True))


@given(DIFFS)
def test_a_book_stands_as_a_naive_one_after_every_diff(
    diffs: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    book, naive = Book(), NaiveBook()
    for bids, asks in diffs:
        book.apply(bids, asks)
        naive.apply(bids, asks)
        expected = naive.levels()
        assert levels(book) == expected
        assert book.top() == ((expected[0] or [(None, None)])[0] + (expected[1] or [(None, None)])[0])
        assert (book.bids.levels(3)[0], book.asks.levels(3)[0]) == tuple(
            [p for p, _ in side[:3]] for side in expected
        )
        for price in (0, 10, 15, 31):
            assert book.bids.count_to(price) == sum(each >= price for each, _ in expected[0])
            assert book.asks.count_to(price) == sum(each <= price for each, _ in expected[1])


@given(st.integers(1, 10**24), st.integers(1, 10**24))
def test_measures_are_the_nearest_to_the_true_ones(bid: int, ask: int) -> None:
    mid, spread, bps = measure(bid, ask)
    assert mid is not None
    assert bps is not None
    assert spread == ask - bid
    assert abs(Fraction(mid) - Fraction(bid + ask, 2)) <= Fraction(1, 2)
    assert abs(Fraction(bps) - Fraction(ask - bid, bid + ask) * 20_000 * 10**18) <= Fraction(1, 2)


@st.composite
def troubled_streams(draw: st.DrawFn) -> tuple[bool, list[BookDiff], list[BookDiff | BookImage]]:
    """The diffs an exchange made, and what of them (and of its snapshots) reached us, in which order."""
    futures = draw(st.booleans())
    made: list[BookDiff] = []
    last = 100
    for bids, asks in draw(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=25)):
        first = last + draw(st.integers(1, 3)) if futures else last + 1
        end = first + draw(st.integers(0, 3))
        made.append(BookDiff(first, end, last if futures else None, bids, asks, len(made)))
        last = end
    naive, images = NaiveBook(), [BookImage(100, [], [], None)]
    for diff in made:
        naive.apply(diff.bids, diff.asks)
        images.append(BookImage(diff.last_id, *naive.levels(), None))
    seen: list[BookDiff | BookImage] = []
    for number, diff in enumerate(made):
        fate = draw(st.sampled_from(["comes", "comes", "comes", "comes", "lost", "twice"]))
        seen += [diff] * {"comes": 1, "lost": 0, "twice": 2}[fate]
        if draw(st.integers(0, 3)) == 0:
            seen.append(images[draw(st.integers(0, number + 1))])
    return futures, made, seen


@given(troubled_streams())
def test_a_live_book_is_the_exchanges_book_at_its_update_id(
    stream: tuple[bool, list[BookDiff], list[BookDiff | BookImage]],
) -> None:
    futures, made, seen = stream
    rule: Continuity = UsdmContinuity() if futures else SpotContinuity()
    truth: dict[int, object] = {100: ([], [])}
    naive = NaiveBook()
    for diff in made:
        naive.apply(diff.bids, diff.asks)
        truth[diff.last_id] = naive.levels()
    one = Synchronizer(rule, 1000)
    for message in seen:
        if isinstance(message, BookDiff):
            one.offer(message)
        else:
            for applied in one.install(message):
                assert levels(one.book) == truth[applied.last_id]
        if one.phase is Phase.LIVE:
            assert levels(one.book) == truth[one.last_id]


@given(troubled_streams())
def test_a_fresh_snapshot_always_brings_the_book_back(
    stream: tuple[bool, list[BookDiff], list[BookDiff | BookImage]],
) -> None:
    futures, made, seen = stream
    one = Synchronizer(UsdmContinuity() if futures else SpotContinuity(), 1000)
    for message in seen:
        if isinstance(message, BookDiff):
            one.offer(message)
        else:
            list(one.install(message))
    naive = NaiveBook()
    for diff in made:
        naive.apply(diff.bids, diff.asks)
    if one.phase is not Phase.LIVE:
        list(one.install(BookImage(made[-1].last_id, *naive.levels(), None)))
        assert one.phase is Phase.LIVE
        assert levels(one.book) == naive.levels()
