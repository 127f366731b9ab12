"""Book frames of the venues: every market plays, each update is applied, and the same frames come each time."""

from __future__ import annotations

import pytest

from bench.frames import recordings_directory
from bench.many_bench import EACH, MARKETS
from bench.venue_frames import recorded_okx, synthetic
from bench.venues_bench import run_books
from bookmill.errors import BookmillError
from bookmill.settings import WorkerSettings
from simulator.registry import DIALECTS
from venues.registry import VENUES

_ALWAYS = {("binance", "usdm"), ("kraken", "spot"), ("okx", "swap")}


@pytest.mark.parametrize(
    "market",
    [
        one if tuple(one.split(".")) in _ALWAYS else pytest.param(one, marks=pytest.mark.slow)
        for one in VENUES
    ],
)
def test_each_update_of_a_simulated_book_is_applied(market: str) -> None:
    book = synthetic(market, 30, 300)
    assert len(book.frames) == 30
    assert 5 < book.levels < 60
    assert run_books(book, WorkerSettings()).updates % 29 == 0


def test_a_hole_is_no_rate() -> None:
    book = synthetic("bybit.linear", 30, 300)
    holed = type(book)(book.name, [*book.frames[:10], *book.frames[11:]], book.levels)
    with pytest.raises(BookmillError, match=r"bybit\.linear is at 9 of 28"):
        run_books(holed, WorkerSettings())


def test_frames_are_the_same_every_time() -> None:
    assert [frame.value for frame in synthetic("binance.usdm", 20, 300).frames[1:]] == [
        frame.value for frame in synthetic("binance.usdm", 20, 300).frames[1:]
    ]


@pytest.mark.slow
def test_recorded_books_are_applied_to_the_last_update() -> None:
    directory = recordings_directory()
    if directory is None:
        pytest.skip("The recordings are absent: set BOOKMILL_RECORDINGS to their folder.")
    books = recorded_okx(directory)
    assert [len(book.frames) for book in books] == [98, 93, 99]
    for book in books:
        assert run_books(book, WorkerSettings()).updates >= 6000


def test_many_are_five_hundred_of_seven_exchanges() -> None:
    assert len(MARKETS) * EACH == 500
    assert len({market.partition(".")[0] for market in MARKETS}) == 7
    assert set(MARKETS) <= VENUES.keys() & DIALECTS.keys()
