"""What an application says of its end."""

from __future__ import annotations

import asyncio

from streams.faust_app import PartApp


def test_the_reason_of_a_crash_is_the_first_one() -> None:
    app = PartApp("worker")
    lost = OSError("lost")
    app._crash(lost)
    app._crash(asyncio.CancelledError())
    assert app.crash_reason is lost
