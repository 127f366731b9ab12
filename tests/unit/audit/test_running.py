"""Several processes give what one gives, tell how far they are, and end with whoever started them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from audit import running
from audit.rebuilding import Job, Rebuilt
from audit.running import rebuild_all, terminable
from audit.spans import Span
from bookmill.addresses import Addresses
from bookmill.settings import Settings


def job(partition: int, records: int) -> Job:
    return Job(
        Settings(),
        Addresses("", "", ""),
        Span("binance", "spot", "raw.binance.spot", partition, 0, records),
        {},
    )


def test_the_longest_span_is_begun_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def rebuild(one: Job, progress: Callable[[int], None]) -> Rebuilt:
        begun.append(one.span.records)
        progress(one.span.records)
        return Rebuilt(one.span)

    monkeypatch.setattr(running, "rebuild", rebuild)
    monkeypatch.setattr(running, "_spare_the_collector", lambda: None)
    read: list[int] = []
    found = rebuild_all([job(0, 5), job(1, 50), job(2, 20)], processes=1, progress=read.append)
    assert begun == read == [50, 20, 5]
    assert [each.span.partition for each in found] == [1, 2, 0]


def test_sigterm_ends_it_as_ctrl_c_does_and_only_there() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(5)
    assert signal.getsignal(signal.SIGTERM) == before
