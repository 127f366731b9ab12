"""Whether those answer whom the gateway stands on: Kafka, the schema registry, ClickHouse."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2

from bookmill.archive import Archive
from bookmill.errors import BookmillError
from bookmill.settings import RegistrySettings
from gateway.feed import Feed

__all__ = ["Dependencies"]

_TIMEOUT_S = 2.0
_REMEMBERED_S = 2.0


class Dependencies:
    """Asks each at most once in two seconds, however often it is asked itself."""

    def __init__(
        self,
        feed: Feed,
        archive: Archive,
        registry: RegistrySettings,
        registry_url: str,
        client: httpx2.AsyncClient,
    ) -> None:
        self._feed = feed
        self._archive = archive
        self._url = registry_url
        password = registry.password.get_secret_value() if registry.password else ""
        self._auth = (registry.username, password) if registry.username else None
        self._client = client
        self._lock = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._until_s = 0.0

    async def problems(self) -> dict[str, str]:
        """A sentence for each of the three, empty where all is well."""
        async with self._lock:
            if time.monotonic() >= self._until_s:
                clickhouse, registry = await asyncio.gather(self._clickhouse(), self._registry())
                self._found = {"clickhouse": clickhouse, "registry": registry}
                self._until_s = time.monotonic() + _REMEMBERED_S
            found = dict(self._found)
        return {
            "kafka": self._feed.watch.problem,
            "clickhouse": found["clickhouse"],
            "registry": self._feed.registry_problem or found["registry"],
        }

    async def health(self) -> dict[str, Any]:
        """The same as it is answered."""
        return {
            name: {"ok": not problem, "message": problem or None}
            for name, problem in (await self.problems()).items()
        }

    async def _clickhouse(self) -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._archive.ping()
        except TimeoutError:
            return f"ClickHouse does not answer within {_TIMEOUT_S:.0f} s."
        except BookmillError as error:
            return error.message
        return ""

    async def _registry(self) -> str:
        try:
            answer = await self._client.get(f"{self._url}/subjects", auth=self._auth, timeout=_TIMEOUT_S)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return f"The schema registry does not answer: {error or type(error).__name__}."
        return f"The schema registry answers {answer.status_code}." if answer.is_error else ""
