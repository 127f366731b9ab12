"""How many rows of a run are in ClickHouse, asked over its HTTP interface."""

from __future__ import annotations

import httpx2

from bookmill.demo.offsets import Offsets
from bookmill.errors import UnavailableError
from bookmill.settings import ClickHouseSettings

__all__ = ["TableCounts", "condition"]

_TIMEOUT_S = 120.0
_UNKNOWN = {"60", "81"}  # no such table, no such database: no rows then


def condition(since: Offsets, raw_topics: list[str]) -> str:
    """SQL that holds for rows made from raw records at or after ``since``.

    Rows name the raw record they come from, so what earlier runs left, stored or still on its way, is told apart exactly.
    """
    old = [
        f"source_topic = '{topic}' AND source_partition = {partition} AND source_offset < {offset}"
        for (topic, partition), offset in sorted(since.items())
        if offset
    ]
    ours = "source_topic IN ({})".format(", ".join(f"'{topic}'" for topic in raw_topics))
    return f"{ours} AND NOT ({' OR '.join(f'({each})' for each in old) or '0'})"


class TableCounts:
    """Counts rows in one database; raises :class:`UnavailableError` when ClickHouse does not answer."""

    def __init__(self, settings: ClickHouseSettings, url: str) -> None:
        self._url = url
        self._database = settings.database
        self._headers = {"X-ClickHouse-User": settings.username}
        if settings.password:
            self._headers["X-ClickHouse-Key"] = settings.password.get_secret_value()

    def rows(self, table: str, where: str = "1") -> int:
        """Rows of a table for which ``where`` holds; 0 when there is no such table yet."""
        statement = f"SELECT count() FROM {self._database}.{table} WHERE {where} FORMAT TSV"  # noqa: S608  our own names
        try:
            answer = httpx2.post(
                self._url, content=statement, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
            )
        except httpx2.HTTPError as error:
            raise UnavailableError(f"ClickHouse does not answer at {self._url}: {error}.") from error
        if answer.status_code == httpx2.codes.OK:
            return int(answer.text)
        if answer.headers.get("X-ClickHouse-Exception-Code") in _UNKNOWN:
            return 0
        raise UnavailableError(f"ClickHouse at {self._url} answers: {answer.text.strip()[:200]}.")
