"""The dashboard's files: nothing written into the page, nothing from other hosts, nothing missing, the library unchanged."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).resolve().parents[3] / "gateway" / "dashboard"
LIBRARY = DASHBOARD / "vendor" / "lightweight-charts"
SCRIPTS = sorted((DASHBOARD / "js").rglob("*.js"))
OURS = [*SCRIPTS, *sorted((DASHBOARD / "css").glob("*.css")), DASHBOARD / "index.html"]
NAMED_HOSTS = {"www.tradingview.com"}
"""Linked to, never asked: what the chart library's licence wants."""

STATIC_IMPORT = re.compile(r'^(?:import|export)\b[^"]*?from "([^"]+)";|^} from "([^"]+)";', re.MULTILINE)
DYNAMIC_IMPORT = re.compile(r'\bimport\("([^"]+)"\)')


def imported(script: Path) -> set[Path]:
    """The files that a module needs before it runs."""
    found = [first or second for first, second in STATIC_IMPORT.findall(script.read_text(encoding="utf-8"))]
    return {(script.parent / each).resolve() for each in found}


def needed(script: Path) -> set[Path]:
    """And those that they need."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for each in imported(waiting.pop()) - found:
            found.add(each)
            waiting.append(each)
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_module_imports_files_that_are_there(script: Path) -> None:
    later = {
        (script.parent / each).resolve()
        for each in DYNAMIC_IMPORT.findall(script.read_text(encoding="utf-8"))
    }
    assert [each for each in imported(script) | later if not each.is_file()] == []


def test_every_module_is_used() -> None:
    main = DASHBOARD / "js" / "main.js"
    views = {
        (main.parent / each).resolve() for each in DYNAMIC_IMPORT.findall(main.read_text(encoding="utf-8"))
    }
    used = {main, DASHBOARD / "js" / "early.js"} | needed(main).union(views, *map(needed, views))
    assert set(SCRIPTS) - used == set()


def test_the_page_asks_for_all_modules_of_the_first_view_at_once() -> None:
    page = (DASHBOARD / "index.html").read_text(encoding="utf-8")
    preloaded = {DASHBOARD / each for each in re.findall(r'modulepreload" href="/static/([^"]+)"', page)}
    assert preloaded == needed(DASHBOARD / "js" / "main.js")


def test_nothing_is_written_into_the_page() -> None:
    page = (DASHBOARD / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|<script(?![^>]*src=)|\son\w+=", page) == []


@pytest.mark.parametrize("file", OURS, ids=lambda path: path.name)
def test_no_other_host_is_named(file: Path) -> None:
    hosts = set(re.findall(r"(?:https?|wss?)://([\w.-]+)", file.read_text(encoding="utf-8")))
    assert hosts <= NAMED_HOSTS


def test_the_chart_library_is_the_one_that_is_noted() -> None:
    noted = re.search(
        r"^    sha256 ([0-9a-f]{64})  (\S+)$",
        (LIBRARY / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert noted is not None
    assert sha256((LIBRARY / noted[2]).read_bytes()).hexdigest() == noted[1]
    assert "Apache License" in (LIBRARY / "LICENSE").read_text(encoding="utf-8")
    assert "tradingview.com" in (LIBRARY / "NOTICE").read_text(encoding="utf-8")
