"""What the running parts say of themselves: their ``/status`` and ``/health``, asked side by side."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

__all__ = ["Status", "Statuses", "memory_mib"]

_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Status:
    """One part's answer: its statistics, and its problems by name (empty: healthy)."""

    statistics: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class Statuses:
    """Asks parts at their status ports; a context manager."""

    def __init__(self) -> None:
        self._client = httpx2.Client(timeout=_TIMEOUT_S, trust_env=False)
        self._pool = ThreadPoolExecutor(8, "statuses")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def ask(self, addresses: Mapping[str, str]) -> dict[str, Status]:
        """The answer of each part that gave one, by name. Takes a second at most."""
        futures = {name: self._pool.submit(self._ask, address) for name, address in addresses.items()}
        answers = {name: future.result() for name, future in futures.items()}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def get(self, url: str) -> Any:
        """The JSON at a local URL; None when nobody answers there."""
        try:
            response = self._client.get(url)
            return response.json() if response.status_code == httpx2.codes.OK else None
        except (httpx2.HTTPError, ValueError):
            return None

    def _ask(self, address: str) -> Status | None:
        try:
            statistics, health = (
                self._client.get(f"{address}/{asked}").json() for asked in ("status", "health")
            )
            # The gateway's answers all have this form around them.
            return Status(statistics.get("data", statistics), health.get("data", health)["problems"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return None


def memory_mib(pid: int | None) -> int | None:
    """Resident memory of a process in MiB; None when it is gone."""
    import psutil

    if pid is None:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss) >> 20
    except psutil.Error:
        return None
