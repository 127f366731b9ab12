"""An order book at its edges; ``tests/properties/test_book.py`` holds it against a naive one."""

from __future__ import annotations

from bookmill.book import Book


def test_the_best_levels_come_first_on_both_sides() -> None:
    book = Book()
    book.replace([(9, 1), (10, 2), (8, 3)], [(12, 1), (11, 2), (13, 3)])
    assert book.top() == (10, 2, 11, 2)
    assert book.bids.levels(2) == ([10, 9], [2, 1])
    assert book.asks.levels() == ([11, 12, 13], [2, 1, 3])


def test_zero_removes_and_removing_the_unknown_is_normal() -> None:
    book = Book()
    book.replace([(10, 2)], [(11, 2)])
    book.apply([(10, 0), (7, 0)], [(11, 5), (12, 0)])
    assert book.top() == (None, None, 11, 5)


def test_changes_of_one_diff_apply_in_order() -> None:
    book = Book()
    book.apply([(10, 1), (10, 0), (10, 3)], [])
    assert book.bids.best() == (10, 3)


def test_a_locked_book_counts_as_crossed() -> None:
    book = Book()
    book.replace([(10, 1)], [(11, 1)])
    assert not book.crossed()
    book.apply([(11, 1)], [])
    assert book.crossed()
    book.apply([], [(11, 0)])
    assert not book.crossed()


def test_the_worst_levels_are_forgotten_beyond_a_depth() -> None:
    book = Book()
    book.replace([(9, 1), (10, 2), (8, 3)], [(12, 1), (11, 2), (13, 3)])
    book.truncate(3)
    assert (len(book.bids), len(book.asks)) == (3, 3)
    book.truncate(2)
    assert book.bids.levels() == ([10, 9], [2, 1])
    assert book.asks.levels() == ([11, 12], [2, 1])
    book.apply([(8, 4)], [(13, 4)])
    assert book.bids.levels() == ([10, 9, 8], [2, 1, 4])
    book.truncate(1)
    assert book.top() == (10, 2, 11, 2)
