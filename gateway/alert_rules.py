"""The rules of alerts as the gateway's callers make and change them: written to ``control.alerts``, and read back as everybody reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from bookmill.buffers import Buffer
from bookmill.errors import FrameError
from gateway.errors import ApiError
from gateway.live import LiveState
from schemas.alert_rules import AlertRule
from schemas.alert_store import StoredRule, stored_rule

__all__ = ["AlertRules"]

T = TypeVar("T")

_CALLS = 16
_LOOKS = 250
_LOOK_S = 0.02


class _Store(Protocol):
    def put(self, rule: AlertRule, *, changed_by: str) -> StoredRule: ...

    def delete(self, rule_id: str) -> None: ...


class AlertRules:
    """Writes one rule after the other; one caller more than ``calls`` is told to come back.

    An answer is given when the gateway itself has read what was written, so that who asks next finds it.
    """

    def __init__(self, store: _Store, live: LiveState, *, calls: int = _CALLS) -> None:
        self._store = store
        self._live = live
        self._writing = asyncio.Lock()
        self._limit = calls
        self._running = self._refused = 0

    @property
    def buffer(self) -> Buffer:
        """Callers that are served."""
        return Buffer("changes of alert rules", self._running, self._limit, "refuse", self._refused)

    def all(self) -> list[StoredRule]:
        """The rules, by id; without those that a later version wrote and this one cannot read."""
        return [found for _, event in sorted(self._live.alert_rules.items()) if (found := _read(event))]

    def get(self, rule_id: str) -> StoredRule | None:
        """One rule; None where there is none."""
        event = self._live.alert_rules.get(rule_id)
        return None if event is None else _read(event)

    async def put(
        self, rule_id: str, make: Callable[[StoredRule | None], AlertRule], *, changed_by: str
    ) -> StoredRule:
        """Make or change a rule. ``make`` is given what there is, and may raise :class:`ApiError`; nobody else writes in between."""

        async def write() -> StoredRule:
            rule = make(self.get(rule_id))
            stored = await asyncio.to_thread(self._store.put, rule, changed_by=changed_by)
            await self._seen(lambda: self.get(rule.id) == stored)
            return stored

        return await self._alone(write)

    async def delete(self, rule_id: str, check: Callable[[StoredRule | None], object]) -> None:
        """End a rule; ``check`` may raise."""

        async def write() -> None:
            check(self.get(rule_id))
            await asyncio.to_thread(self._store.delete, rule_id)
            await self._seen(lambda: rule_id not in self._live.alert_rules)

        await self._alone(write)

    async def _alone(self, write: Callable[[], Awaitable[T]]) -> T:
        if self._running >= self._limit:
            self._refused += 1
            raise ApiError(
                503,
                "unavailable",
                "Too many rules are being changed at once.",
                hint="Try again in a second.",
                headers={"retry-after": "1"},
            )
        self._running += 1
        try:
            async with self._writing:
                return await write()
        finally:
            self._running -= 1

    async def _seen(self, true: Callable[[], bool]) -> None:
        """Wait for it, but not for long: it is stored, only this gateway has not read it yet."""
        for _ in range(_LOOKS):
            if true():
                return
            await asyncio.sleep(_LOOK_S)


def _read(event: dict[str, object]) -> StoredRule | None:
    try:
        return stored_rule(event)
    except FrameError:
        return None
