"""One browser for all tests of the dashboard, and what each page must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.browser.fake_gateway import FakeGateway

ADDRESS = "BOOKMILL_DASHBOARD_ADDRESS"
"""A running gateway's address in this variable: the tests that need no made-up world are run against it."""

PICTURES = Path(__file__).resolve().parents[2] / "test-output" / "dashboard"
WIDE = ViewportSize(width=1440, height=900)
_PATIENCE_MS = 30_000  # a busy machine is no failure
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Watched:
    """A page, and all that it said and asked for. ``away``: the gateway is meant to be away, so that failures are no fault;
    ``refusals``: HTTP statuses that a test provokes."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.away = False
        self.refusals: set[int] = set()
        self.faults: list[str] = []
        self._host = host
        page.on("console", self._said)
        page.on("pageerror", self._failed)
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self._to(socket.url))
        page.set_default_timeout(_PATIENCE_MS)
        expect.set_options(timeout=_PATIENCE_MS)

    def _said(self, message: ConsoleMessage) -> None:
        provoked = any(f"status of {status} " in message.text for status in self.refusals)
        if message.type in ("error", "warning") and not self.away and not provoked:
            self.faults.append(f"{message.type}: {message.text}")

    def _failed(self, error: Error) -> None:
        self.faults.append(f"exception: {error.message}\n{error.stack}")

    def _asked(self, request: Request) -> None:
        self._to(request.url)

    def _to(self, url: str) -> None:
        if urlsplit(url).netloc not in (self._host, ""):
            self.faults.append(f"asked another host: {url}")

    def picture(self, name: str) -> None:
        """Keep what it looks like."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Not for the whole session: while it is there an event loop runs in this thread, and no test could run its own."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium on this machine ({', '.join(_PROGRAMS)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def made_up() -> Iterator[FakeGateway]:
    """The made-up gateway; tests that need it are not for a real one."""
    if ADDRESS in os.environ:
        pytest.skip(f"needs the made-up gateway, and {ADDRESS} is set")
    with FakeGateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> str:
    """Of the gateway whose dashboard is tested."""
    if ADDRESS in os.environ:
        return os.environ[ADDRESS].rstrip("/")
    gateway: FakeGateway = request.getfixturevalue("made_up")
    return gateway.address


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """A page of a new visitor on a wide dark screen, not opened yet; at the end it must have done nothing wrong."""
    context = browser.new_context(viewport=WIDE, color_scheme="dark")
    found = Watched(context.new_page(), urlsplit(address).netloc)
    yield found
    context.close()
    assert found.faults == []
