"""``bookmill gaps``: times as people write them, and figures that are never rounded up."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from sinks.gap_report import Choice, Report

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW_MICROS = 1_795_694_400_000_000


def gap(
    stream: str, opened: int, closed: int | None, missed: int | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "stream": stream,
        "cause": "sequence",
        "gap": f"{stream}{opened}",
        "expected": None,
        "seen": None,
        "opened_micros": str(opened),
        "closed_micros": closed,
        "missed": missed,
        "attempts": 1,
        "healed": "none" if closed is None else "snapshot",
        "complete": closed is not None,
        **more,
    }


def report(gaps: list[dict[str, Any]], stored: int, **choice: Any) -> Report:
    name = {"exchange": "binance", "market": "spot", "symbol": "BTC-USDT"}
    answers = {
        "gaps_now": gaps,
        "book_snapshots": [{**name, "first": 0, "last": 1_000_000_000}],
        "trades": [{**name, "stored": stored}] if stored else [],
    }

    def ask(query: str) -> bytes:
        [rows] = [rows for table, rows in answers.items() if f"FROM {table} " in query]
        return b"\n".join(json.dumps(row).encode() for row in rows)

    return Report.read(ask, Choice(0, **choice))


def test_completeness_counts_lost_time_and_missing_trades_and_rounds_down() -> None:
    gaps = [gap("book", 100, 1100), gap("book", 5, 9, cause="time"), gap("trades", 200, None, 1)]
    [one] = report(gaps, 999_999_999).instruments
    assert (one.gaps, one.book_percent, one.trades_percent, one.missing) == (3, "99.9999", "99.9999", 1)
    [one] = report([], 5).instruments
    assert (one.book_percent, one.trades_percent) == ("100.0000", "100.0000")


def test_an_open_gap_of_a_book_lasts_until_the_end() -> None:
    [one] = report([gap("book", 250_000_000, None)], 0).instruments
    assert (one.book_percent, one.trades_percent) == ("25.0000", None)


def test_only_open_gaps_are_shown_where_that_is_asked_and_all_are_counted() -> None:
    found = report([gap("book", 100, 1100), gap("trades", 200, None, 1)], 9, only_open=True)
    assert [one.stream for one in found.gaps] == ["trades"]
    assert found.instruments[0].gaps == 2
    assert json.loads(found.as_json())["gaps"][0]["missed"] == 1


def test_a_terminal_gets_two_tables() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    for table in report([gap("book", 100, 1100), gap("trades", 200, None, 1200)], 9).tables():
        console.print(table)
    text = console.export_text()
    assert "1970-01-01 00:00:00" in text
    for words in ("0.001 s", "open", "1,200", "snapshot", "99.9999 %"):
        assert words in text


def test_names_are_quoted() -> None:
    assert Choice(0, symbol="a'b\\").where() == "symbol = 'a\\'b\\\\'"
    assert Choice(0).where() == "1"
