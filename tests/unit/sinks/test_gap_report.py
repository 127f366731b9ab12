"""``bookmill gaps``: times as people write them, and figures that are never rounded up."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from sinks.gap_report import Report
from sinks.ledger import Choice

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
        "told_micros": opened,
        "stored_micros": opened,
        "next_micros": None,
        "first_trade_id": missed,
        **more,
    }


def report(
    gaps: list[dict[str, Any]],
    stored: int,
    *,
    after: dict[str, tuple[int, int]] | None = None,
    since: int = 0,
    **choice: Any,
) -> Report:
    """``after``: by gap the first row behind it, when it was received and stored."""
    name = {"exchange": "binance", "market": "spot", "symbol": "BTC-USDT"}
    answers = {
        "gaps_now": gaps,
        "book_snapshots": [{**name, "first": 0, "last": 1_000_000_000}],
        "trades": [{**name, "stored": stored}] if stored else [],
    }

    def ask(query: str) -> bytes:
        if " JOIN " in query:
            rows = [
                {"gap": gap, "told_micros": str(told), "stored_micros": str(at)}
                for gap, (told, at) in (after or {}).items()
                if f"'{gap}'" in query
            ]
        else:
            [rows] = [rows for table, rows in answers.items() if f"FROM {table} " in query]
        return b"\n".join(json.dumps(row).encode() for row in rows)

    return Report.read(ask, Choice(since, **choice))


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


def states(found: Report) -> dict[str, tuple[str, int | None]]:
    return {one.gap: (one.state, one.over_micros) for one in found.gaps}


def test_a_gap_that_the_next_one_of_its_stream_shows_to_be_over_is_superseded() -> None:
    gaps = [
        gap("book", 100, None, next_micros="900"),
        gap("ticker", 100, None, next_micros="300", cause="disconnect"),
        gap("ticker", 300, None, cause="disconnect"),
        gap("book", 400, None, cause="time"),
    ]
    assert states(report(gaps, 0)) == {
        "book100": ("superseded", 900),
        "ticker100": ("superseded", 300),
        "ticker300": ("open", None),
        "book400": ("open", None),
    }


def test_a_gap_of_a_book_that_was_live_again_is_superseded() -> None:
    gaps = [gap("book", 100, None, next_micros="900"), gap("book", 900, None)]
    found = report(gaps, 0, after={"book100": (250, 251), "book900": (1000, 1001)})
    assert states(found) == {"book100": ("superseded", 250), "book900": ("superseded", 1000)}
    assert found.instruments[0].book_percent == "99.9999", "only until then it was lost"
    assert list(states(report(gaps, 0, after={"book100": (250, 251)}, since=300))) == ["book900"]


def test_trades_that_were_asked_for_in_vain_are_given_up() -> None:
    gaps = [
        gap("trades", 100, None, 7),
        gap("trades", 600, None, 7, next_micros="650"),
        gap("trades", 110, None),
        gap("trades", 120, None),
        gap("trades", 130, None),
    ]
    found = report(gaps, 9, after={"trades110": (200, 201), "trades120": (200, 600)}, given_up_micros=500)
    assert states(found) == {
        "trades100": ("given up", None),
        "trades600": ("open", None),
        "trades110": ("given up", None),
        "trades120": ("open", None),  # they are asked for as soon as the stream goes on
        "trades130": ("open", None),
    }
    assert len(report(gaps, 9, given_up_micros=500, only_open=True).gaps) == 5


def test_a_terminal_tells_what_nobody_closes() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    gaps = [gap("trades", 100, None, 7), gap("book", 100, None, next_micros="2100100")]
    found = report(gaps, 9, given_up_micros=500)
    for table in found.tables():
        console.print(table)
    text = console.export_text()
    assert "given up" in text
    assert "at most 2.100 s" in text
    assert report(gaps, 9, only_open=True).gaps[0].stream == "trades"
    assert len(report(gaps, 9, only_open=True).gaps) == 1
    assert [one["state"] for one in json.loads(found.as_json())["gaps"]] == ["given up", "superseded"]
