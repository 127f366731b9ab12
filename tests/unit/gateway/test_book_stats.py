"""What stands near the top of a book, held against its definition: any book, crossed ones too."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bookmill.book import Book
from bookmill.decimals import scaled_int
from gateway.book_views import book_stats

UNIT = 10**18
CENT = UNIT // 100
SIDES = st.dictionaries(st.integers(9_900, 10_100), st.integers(1, 5_000), max_size=60)
"""Quantities in thousandths, by price in cents: within one percent of 100, so that some levels are near and some are not."""


@given(SIDES, SIDES)
def test_depths_and_volumes_are_what_they_are_called(bids: dict[int, int], asks: dict[int, int]) -> None:
    book = Book()
    book.replace(
        *([(price * CENT, size * UNIT // 1000) for price, size in side.items()] for side in (bids, asks))
    )
    found = book_stats("binance.spot.BTC-USDT", book, updates_per_s=0.0)
    sides = {"bid": sorted(bids.items(), reverse=True), "ask": sorted(asks.items())}
    for name, side in sides.items():
        assert scaled_int(found[f"{name}_volume"]) == sum(size for _, size in side[:20]) * UNIT // 1000
        for bps in (10, 50):
            shown = found[f"depth_{bps}bps_{name}"]
            if not bids or not asks:
                assert shown is None
                continue
            mid = Fraction(max(bids) + min(asks), 2)
            near = [(price, size) for price, size in side if abs(price - mid) * 10_000 <= mid * bps]
            assert scaled_int(shown) == sum(price * size for price, size in near) * UNIT // 100_000
