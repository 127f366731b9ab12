"""What the routes need, in one place: made at the start, handed to each request."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from bookmill.addresses import Addresses
from bookmill.archive import Archive
from bookmill.settings import Settings
from gateway.admission import Admission
from gateway.alert_rules import AlertRules
from gateway.books import Books
from gateway.control import Control
from gateway.dependencies import Dependencies
from gateway.failures import Failure
from gateway.feed import Feed
from gateway.live import LiveState
from gateway.part import GatewayPart
from gateway.parts import Collectors, Parts
from gateway.sockets.hub import Hub
from gateway.summaries import Summaries
from schemas.subscriptions import SubscriptionStore

__all__ = ["Context", "InContext", "context", "now_micros"]


def now_micros() -> int:
    """The time, in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass
class Context:
    """``gateway.assembly`` puts it together.

    ``entered`` are entered when the gateway starts to serve and left, the last one first, when it has ended. ``store`` blocks: call
    it in another thread.
    """

    settings: Settings
    addresses: Addresses
    archive: Archive
    live: LiveState
    books: Books
    hub: Hub
    feed: Feed
    part: GatewayPart
    dependencies: Dependencies
    parts: Parts
    store: SubscriptionStore
    collectors: Collectors
    failure: Failure
    admission: Admission
    summaries: Summaries
    control: Control
    alert_rules: AlertRules
    entered: list[AbstractAsyncContextManager[Any]] = field(default_factory=list)
    clock: Callable[[], int] = now_micros
    started_micros: int = field(default_factory=now_micros)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The time in which requests are answered."""
        async with AsyncExitStack() as stack:
            for each in self.entered:
                await stack.enter_async_context(each)
            yield

    @property
    def stale_after_us(self) -> int:
        """What is older is stale."""
        return int(self.settings.gateway.stale_after_s * 1_000_000)

    @property
    def uptime_s(self) -> float:
        """Since the gateway was put together."""
        return round((self.clock() - self.started_micros) / 1_000_000, 1)


async def context(connection: HTTPConnection) -> Context:
    """The context of the application that a request or websocket came to."""
    found: Context = connection.app.state.context
    return found


InContext = Annotated[Context, Depends(context)]
"""For routes: ``context: InContext``."""
