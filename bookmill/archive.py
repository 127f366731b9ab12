"""Asking ClickHouse for what is stored, without waiting in the event loop: parameters are bound by ClickHouse, never pasted into a query."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

from bookmill.buffers import Buffer
from bookmill.errors import RefusedError, UnavailableError
from bookmill.questions import Question, Rows
from bookmill.settings import ClickHouseSettings

__all__ = ["Archive", "bound", "first_sentence"]

_CONNECT_TIMEOUT_S = 5.0
_GRACE_S = 2.0
_SENTENCE = 300
_MISSING = ("UNKNOWN_DATABASE", "UNKNOWN_TABLE", "UNKNOWN_FUNCTION")
_MAKER = "The sink makes database, tables and views when it starts; BOOKMILL_CLICKHOUSE__DATABASE names another database."
_AT_ONCE = 4
_WAITING = 100
_FORM = {
    "default_format": "JSONEachRow",
    "output_format_json_quote_decimals": "1",  # exact
    "output_format_json_quote_64bit_integers": "0",
    "output_format_decimal_trailing_zeros": "0",
    "output_format_json_escape_forward_slashes": "0",
    # an error after the first rows would look like an answer
    "wait_end_of_query": "1",
}

_rows = msgspec.json.Decoder(dict[str, Any])


class Archive:
    """Reads ClickHouse. Use as an asynchronous context manager.

    ``timeout_s``: how long one query may take; ClickHouse itself gives up then. ``at_once``: so many run at a time, and ``waiting``
    more may wait for their turn; with one more, who asks is told to come back.
    """

    def __init__(
        self,
        settings: ClickHouseSettings,
        url: str,
        *,
        timeout_s: float,
        at_once: int = _AT_ONCE,
        waiting: int = _WAITING,
    ) -> None:
        self._url = url
        self._turns = asyncio.Semaphore(at_once)
        self._limit = at_once + waiting
        self._asked = self._refused = 0
        self._parameters = {
            **_FORM,
            "database": settings.database,
            "max_execution_time": f"{timeout_s:.3f}",
        }
        headers = {"X-ClickHouse-User": settings.username}
        if settings.password:
            headers["X-ClickHouse-Key"] = settings.password.get_secret_value()
        self._client = httpx2.AsyncClient(
            headers=headers, timeout=httpx2.Timeout(timeout_s + _GRACE_S, connect=_CONNECT_TIMEOUT_S)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    @property
    def buffer(self) -> Buffer:
        """Queries that run or wait."""
        return Buffer("queries", self._asked, self._limit, "refuse", self._refused)

    async def ask(self, question: Question) -> Rows:
        """As :meth:`rows`."""
        return await self.rows(question.text, question.parameters)

    async def rows(self, query: str, parameters: Mapping[str, object] = {}) -> list[dict[str, Any]]:
        """The rows of an answer that fits into memory. Decimals are texts, times whatever the query makes of them.

        ``parameters`` stand as ``{name:Type}`` in the query. Raises :class:`UnavailableError` when nobody answers in time,
        :class:`RefusedError` with ClickHouse's own first sentence when the query fails.
        """
        found: list[dict[str, Any]] = _rows.decode_lines(await self.lines(query, parameters))
        return found

    async def lines(self, query: str, parameters: Mapping[str, object] = {}) -> bytes:
        """The same as it comes: one JSON object a line, to be decoded into something better, or passed on."""
        async with self._turn():
            return await self._lines(query, parameters)

    async def ping(self) -> None:
        """Whether ClickHouse answers, however many wait for it; raises as :meth:`rows`."""
        await self._lines("SELECT 1", {})

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._asked >= self._limit:
            self._refused += 1
            raise UnavailableError("Too many queries wait for ClickHouse.", hint="Ask again in a moment.")
        self._asked += 1
        try:
            async with self._turns:
                yield
        finally:
            self._asked -= 1

    async def _lines(self, query: str, parameters: Mapping[str, object]) -> bytes:
        try:
            answer = await self._client.post(
                self._url, params={**self._parameters, **bound(parameters)}, content=query.encode()
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnavailableError(
                f"ClickHouse does not answer at {self._url}: {error or type(error).__name__}.",
                hint="Start it, or set BOOKMILL_CLICKHOUSE__URL to where it is.",
            ) from error
        if answer.is_error:
            reason = first_sentence(answer.text) or f"status {answer.status_code}"
            if "(TIMEOUT_EXCEEDED)" in answer.text:
                raise UnavailableError(
                    f"ClickHouse took too long for the query: {reason}.", hint="Ask for less at once."
                )
            missing = any(f"({code})" in answer.text for code in _MISSING)
            raise RefusedError(f"ClickHouse refuses the query: {reason}.", hint=_MAKER if missing else "")
        return answer.content


def bound(parameters: Mapping[str, object]) -> dict[str, str]:
    """The fields of a request that bind a query's parameters."""
    return {f"param_{name}": _text(value) for name, value in parameters.items()}


def first_sentence(text: str) -> str:
    """ClickHouse's own words without the parts meant for its developers: at most one sentence, no full stop."""
    for lead in ("server response: ", "DB::Exception: "):
        text = text.rpartition(lead)[2]
    text = " ".join(text.split())
    for end in (". ", " (at row", ": (at row", ": while executing", ": While executing"):
        text = text.partition(end)[0]
    text = text.rstrip(".: ")
    return text if len(text) <= _SENTENCE else f"{text[: _SENTENCE - 3]}..."


def _text(value: object) -> str:
    """A parameter as ClickHouse reads it: TSV escapes, arrays in brackets."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)
