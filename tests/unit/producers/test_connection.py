"""A connection whose frames never run out leaves the event loop to others."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from producers.connection import Answer, Connection
from tests.unit.producers.fakes import FakeWriter
from venues.registry import venue

FRAMES = 10_000


class EndlessSocket:
    """Has the next frame there whenever it is asked; waits for ever behind the last."""

    def __init__(self) -> None:
        self.read = 0

    async def recv(self, *, decode: bool) -> bytes:
        assert not decode
        if self.read == FRAMES:
            await asyncio.Event().wait()
        self.read += 1
        return b"{}"

    async def close(self) -> None:
        """Nothing to close."""


def test_waiting_frames_do_not_keep_the_loop() -> None:
    socket: Any = EndlessSocket()
    seen: list[int] = []

    async def read() -> None:
        connection = Connection("one", socket, {})
        connection.start(venue("binance", "spot"), FakeWriter(), (), lambda *_: Answer())  # type: ignore[arg-type]
        while socket.read < FRAMES:
            await asyncio.sleep(0)
            seen.append(socket.read)
        await connection.close()

    asyncio.run(read())
    assert max(after - before for before, after in pairwise(seen)) <= 64
