"""Which rows are compared, as ClickHouse reads it: run by the engine itself where that is the point (see test_comparison)."""

from __future__ import annotations

from audit.scope import quoted, scope_of
from audit.spans import Span

SPAN = Span("binance", "spot", "raw.binance.spot", 3, 100, 900)


def test_nothing_is_in_reach_where_the_sink_has_stored_nothing() -> None:
    scope = scope_of("trades", [SPAN], [(100, 0)], books={}, trades={})
    assert (scope.reach, scope.compared) == ("(0)", "(0)")


def test_only_what_follows_from_a_book_is_left_out_while_the_book_is_unknown() -> None:
    books, trades = {("raw.binance.spot", "BTC-USDT"): 500}, {}

    def cold(table: str) -> str:
        return scope_of(table, [SPAN], [(900, 0)], books=books, trades=trades).cold

    assert cold("tickers") == cold("trades") == "0"
    assert "gap < 'raw.binance.spot/3/00000000000000000100/000000'" in cold("gaps")
    assert cold("spreads").startswith("origin = 'book' AND source != 'poll' AND source_offset < ")
    assert cold("book_snapshots").startswith("source != 'poll' AND source_offset < ")


def test_names_from_outside_are_quoted() -> None:
    assert quoted("a'b\\c") == r"'a\'b\\c'"
    scope = scope_of("spreads", [SPAN], [(900, 0)], books={("raw.x", "A'; DROP"): 1}, trades={})
    assert r"'raw.x/A\'; DROP'" in scope.cold


def test_backfilled_trades_of_an_instrument_whose_gaps_may_be_older_are_left_out() -> None:
    scope = scope_of("trades", [SPAN], [(900, 0)], books={}, trades={("raw.binance.spot", "BTC-USDT"): 1})
    assert "source = 'backfill'" in scope.compared
