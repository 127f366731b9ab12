"""The dashboard in a real browser: how soon there is something to read, and what it takes to keep it open."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

import psutil

__all__ = ["BrowserRun", "run_browser"]

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_OPEN_S = 60.0
_PRICES = "#view tbody tr:not([hidden])"
_PATIENCE_MS = 60_000


@dataclass(frozen=True)
class BrowserRun:
    """``first_prices_s``: from the request of the page until prices stand in it. ``core_share``: of one core, all its processes."""

    first_prices_s: float
    core_share: float


def run_browser(address: str) -> BrowserRun | None:
    """Open the dashboard for a minute; None where there is no Chromium, or nothing to drive it."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if program is None:
        return None
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=list(_QUIET))
        try:
            warm = browser.new_page()  # the first page of a browser pays for the browser
            warm.goto("about:blank")
            page = browser.new_page()
            started_s = time.perf_counter()
            page.goto(address, timeout=_PATIENCE_MS)
            page.locator(_PRICES).first.wait_for(timeout=_PATIENCE_MS)
            first_s = time.perf_counter() - started_s
            before_s = _cpu_s()
            time.sleep(_OPEN_S)
            return BrowserRun(round(first_s, 2), round((_cpu_s() - before_s) / _OPEN_S, 3))
        finally:
            browser.close()


def _cpu_s() -> float:
    """Processor time of the browser's processes: those of ours that are one."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total
