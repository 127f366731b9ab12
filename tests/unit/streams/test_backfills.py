"""Missing trades are asked for again and again, and not for ever: for how long the settings say."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from bookmill.settings import WorkerSettings
from streams.backfills import BackfillRequests
from tests.unit.streams.test_gaps import partition, sold


@pytest.mark.parametrize(
    "settings", [WorkerSettings(), WorkerSettings(backfill_retry_s=3, backfill_attempts=1)]
)
def test_trades_are_asked_for_so_often_and_given_up_after_the_patience_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, settings: WorkerSettings
) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    raw = partition()
    raw.process([sold(0, 1), sold(1, 5)])
    [instrument] = raw.instruments.values()
    requests = BackfillRequests(1, settings.backfill_retry_s, settings.backfill_attempts)
    asked_s = []
    while now_s < 3 * settings.backfill_patience_s:
        asked_s += [now_s for _ in requests.due(instrument)]
        now_s += 1
    assert len(asked_s) == settings.backfill_attempts
    waits = [later - earlier for earlier, later in pairwise(asked_s)]
    assert waits == [
        settings.backfill_retry_s * 2**number for number in range(settings.backfill_attempts - 1)
    ]
    last_wait_s = settings.backfill_retry_s * 2.0 ** (settings.backfill_attempts - 1)
    assert settings.backfill_patience_s == asked_s[-1] + last_wait_s
