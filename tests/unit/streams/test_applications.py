"""What workers and watchers have in common as applications: a status port whose thread asks them at any time, also before they start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import streams.application as worker
import streams.watcher.application as watcher
from bookmill.addresses import Addresses
from bookmill.settings import Settings
from schemas.catalogue import CONTROL_REQUESTS
from schemas.decoding import Decoder
from streams.faust_app import PartApp
from streams.watcher.rules import RuleFollower, Rules
from venues.registry import venue

NOWHERE = Addresses("127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1")


def a_worker(settings: Settings) -> PartApp:
    venues = {"raw.binance.spot": venue("binance", "spot")}
    return worker.create_app(worker.Prepared(settings, NOWHERE, venues, {CONTROL_REQUESTS: 1}, {}))


def a_watcher(settings: Settings) -> PartApp:
    decoder = cast("Decoder", None)
    rules = cast("RuleFollower", SimpleNamespace(now=Rules(), problem="", unreadable=0))
    return watcher.create_app(watcher.Prepared(settings, NOWHERE, "watchers", {}, decoder, {}), rules)


@pytest.mark.parametrize("create", [a_worker, a_watcher])
def test_its_status_can_be_asked_before_it_has_started(
    create: Callable[[Settings], PartApp], tmp_path: Path
) -> None:
    async def run() -> None:
        app = create(Settings(data_dir=tmp_path))
        assert await asyncio.to_thread(lambda: list(app.part.metrics()))
        statistics = await asyncio.to_thread(app.part.statistics)
        assert statistics["buffers"]["fetched partitions"]["used"] == 0
        # It belongs to the thread that starts it: of two made at once Faust starts the one and asks the other.
        assert app._consumer is None

    asyncio.run(run())
