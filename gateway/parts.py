"""What the other parts of the installation say of themselves: producers, workers, sinks, and who collects what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2

from bookmill.errors import UnavailableError
from schemas.subscriptions import Collector, SubscriptionStore

__all__ = ["Collectors", "Parts"]

_TIMEOUT_S = 2.0
_REMEMBERED_S = 2.0


class Parts:
    """Asks the status ``addresses`` at most once in two seconds."""

    def __init__(self, addresses: Callable[[], Sequence[str]], client: httpx2.AsyncClient) -> None:
        self._addresses = addresses
        self._client = client
        self._lock = asyncio.Lock()
        self._found: list[dict[str, Any]] = []
        self._until_s = 0.0

    async def all(self) -> list[dict[str, Any]]:
        """Each part: ``address``, ``part`` (its kind), ``ok``, ``problems`` by what has them, ``statistics``."""
        async with self._lock:
            if time.monotonic() >= self._until_s:
                addresses = dict.fromkeys(each.rstrip("/") for each in self._addresses())
                self._found = list(await asyncio.gather(*map(self._one, addresses)))
                self._until_s = time.monotonic() + _REMEMBERED_S
            return self._found

    async def _one(self, address: str) -> dict[str, Any]:
        try:
            health, status = await asyncio.gather(
                *(self._client.get(f"{address}/{each}", timeout=_TIMEOUT_S) for each in ("health", "status"))
            )
            said, statistics = health.json(), status.json()
            problems = dict(said["problems"])
            part = str(said["part"])
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            problem = f"does not answer: {error or type(error).__name__}"
            return _silent(address, problem)
        except (ValueError, KeyError, TypeError):
            return _silent(address, "answers what no part of ours does")
        return {
            "address": address,
            "part": part,
            "ok": not problems,
            "problems": problems,
            "statistics": statistics,
        }


class Collectors:
    """The producers of the group that share the instruments, asked of Kafka at most once in two seconds."""

    def __init__(
        self, store: SubscriptionStore, group: str, subscriptions: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._store = store
        self._group = group
        self._subscriptions = subscriptions
        self._lock = asyncio.Lock()
        self._found: Sequence[Collector] = ()
        self._until_s = 0.0

    async def find(self) -> Sequence[Collector]:
        """Who has which partitions. Raises :class:`UnavailableError` when Kafka does not answer."""
        async with self._lock:
            if time.monotonic() >= self._until_s:
                self._found = await asyncio.to_thread(self._store.collectors, self._group)
                self._until_s = time.monotonic() + _REMEMBERED_S
            return self._found

    async def all(self) -> list[dict[str, Any]]:
        """Each with the instruments that it shall collect; none while Kafka does not answer."""
        try:
            found = await self.find()
        except UnavailableError:
            return []
        by_partition: dict[int, list[str]] = {}
        for key, event in self._subscriptions.items():
            if event["on"]:
                by_partition.setdefault(event["partition"], []).append(key)
        return [
            {
                "producer": each.producer,
                "partitions": sorted(each.partitions),
                "instruments": sorted(
                    key for number in each.partitions for key in by_partition.get(number, [])
                ),
            }
            for each in found
        ]


def _silent(address: str, problem: str) -> dict[str, Any]:
    return {
        "address": address,
        "part": None,
        "ok": False,
        "problems": {"status": problem},
        "statistics": None,
    }
