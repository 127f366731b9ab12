"""``bookmill gaps``: the report as a terminal and as a program gets it."""

from __future__ import annotations

import io
import json

from rich.console import Console

from bookmill.completeness import Report
from sinks.gap_report import as_json, tables
from tests.unit.bookmill.test_completeness import gap, report


def shown(found: Report) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    for table in tables(found):
        console.print(table)
    return console.export_text()


def test_a_terminal_gets_two_tables() -> None:
    text = shown(report([gap("book", 100, 1100), gap("trades", 200, None, 1200)], 9))
    assert "1970-01-01 00:00:00" in text
    for words in ("0.001 s", "open", "1,200", "snapshot", "99.9999 %"):
        assert words in text


def test_a_terminal_tells_what_nobody_closes() -> None:
    gaps = [gap("trades", 100, None, 7), gap("book", 100, None, next_micros="2100100")]
    found = report(gaps, 9, given_up_micros=500)
    text = shown(found)
    assert "given up" in text
    assert "at most 2.100 s" in text
    assert [one["state"] for one in json.loads(as_json(found))["gaps"]] == ["given up", "superseded"]


def test_a_program_gets_one_object() -> None:
    found = json.loads(as_json(report([gap("trades", 200, None, 1)], 9, only_open=True)))
    assert (found["gaps"][0]["missed"], found["instruments"][0]["gaps"]) == (1, 1)
