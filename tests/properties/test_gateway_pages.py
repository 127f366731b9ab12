"""Pages out of memory: all trades once, in order, whatever is forgotten meanwhile; where memory does not reach, it says so."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.instrument import Instrument
from gateway.paging import Pages
from gateway.recent import key_of, recent_trades
from gateway.spans import Span
from gateway.tables import TABLES, Place

SECOND = 1_000_000
KEPT = 20

steps = st.lists(
    st.tuples(st.integers(0, 3) | st.integers(0, 3 * SECOND), st.integers(0, 2)), min_size=1, max_size=60
)
ends = st.none() | st.integers(0, 60 * SECOND)


def told(steps: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Trades as they come: times grow, offsets too; several events have the same time or come of the same record."""
    at_us, offset, index = 0, 0, 0
    found = []
    for later_us, jump in steps:
        at_us += later_us
        index = index + 1 if jump == 0 else 0
        offset += jump
        found.append(
            {
                "receive_time": at_us,
                "source_topic": "raw.binance.spot",
                "source_partition": 3,
                "source_offset": offset,
                "source_index": index,
                "source": "ws",
            }
        )
    return found


def paged(
    instrument: Instrument, span: Span, limit: int, between: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], bool]:
    """Page after page, each told by its cursor alone, with new trades ``between`` them; whether memory reached to the end."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        place = TABLES["trades"].require_place(Pages(limit, cursor, b"q").place(Place))
        after: Any = None if place is None else place.key
        page = recent_trades(instrument, span if place is None else place.span, limit + 1, after)
        if page is None:
            return found, False
        found += page[:limit]
        if len(page) <= limit:
            return found, True
        cursor = Pages(limit, "", b"q").cursor(Place(span, key_of(page[limit - 1])))
        if between:
            instrument.take("trades", between.pop(0))


@given(steps, steps, ends, ends, st.integers(1, 9))
def test_every_trade_comes_once_and_what_memory_does_not_know_is_not_passed_over(
    before: list[tuple[int, int]],
    meanwhile: list[tuple[int, int]],
    since_us: int | None,
    until_us: int | None,
    limit: int,
) -> None:
    trades = told(before + meanwhile)
    first, later = trades[: len(before)], trades[len(before) :]
    instrument = Instrument("binance", "spot", "BTC-USDT", recent_trades=KEPT)
    for each in first:
        instrument.take("trades", each)
    span = Span(since_us, until_us)
    found, whole = paged(instrument, span, limit, later)
    expected = sorted((each for each in first if span.has(each["receive_time"])), key=key_of, reverse=True)
    assert found == expected[: len(found)]
    if whole:
        assert found == expected
        assert since_us is not None, "without a begin nobody knows that there was nothing before"


@given(st.integers(1, 50), st.integers(0, 100))
def test_memory_answers_as_long_as_it_reaches(count: int, since_s: int) -> None:
    instrument = Instrument("binance", "spot", "BTC-USDT", recent_trades=KEPT)
    for each in told([(SECOND, 1)] * count):
        instrument.take("trades", each)
    reach_s = max(1, count - KEPT + 1) + 1
    found = recent_trades(instrument, Span(since_s * SECOND, None), 1000, None)
    assert (found is not None) == (since_s >= reach_s)
    if found is not None:
        assert len(found) == max(0, count - since_s + 1)


@given(steps, st.lists(st.integers(0, SECOND), min_size=60, max_size=60), st.integers(1, 9), ends)
def test_trades_that_came_mixed_stand_in_order(
    before: list[tuple[int, int]], late_us: list[int], limit: int, since_us: int | None
) -> None:
    trades = told(before)
    came = sorted(zip(trades, late_us), key=lambda one: one[0]["receive_time"] + one[1])
    instrument = Instrument("binance", "spot", "BTC-USDT", recent_trades=1000)
    for each, _ in came:
        instrument.take("trades", each)
    found, _ = paged(instrument, Span(since_us, None), limit, [])
    expected = sorted(
        (each for each in trades if since_us is None or each["receive_time"] >= since_us),
        key=key_of,
        reverse=True,
    )
    assert found == expected[: len(found)]
