"""Asking ClickHouse for what is stored, without waiting in the event loop: parameters are bound by ClickHouse, never pasted into a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from bookmill.errors import RefusedError, UnavailableError
from bookmill.settings import ClickHouseSettings

__all__ = ["Archive", "first_sentence"]

_CONNECT_TIMEOUT_S = 5.0
_GRACE_S = 2.0
_SENTENCE = 300
_FORM = {
    "default_format": "JSONEachRow",
    "output_format_json_quote_decimals": "1",  # exact
    "output_format_json_quote_64bit_integers": "0",
    "output_format_decimal_trailing_zeros": "0",
    # an error after the first rows would look like an answer
    "wait_end_of_query": "1",
}


class Archive:
    """Reads ClickHouse. Use as an asynchronous context manager.

    ``timeout_s``: how long one query may take; ClickHouse itself gives up then.
    """

    def __init__(self, settings: ClickHouseSettings, url: str, *, timeout_s: float) -> None:
        self._url = url
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

    async def rows(self, query: str, parameters: Mapping[str, object] = {}) -> Sequence[dict[str, Any]]:
        """The rows of an answer that fits into memory. Decimals are texts, times whatever the query makes of them.

        ``parameters`` stand as ``{name:Type}`` in the query. Raises :class:`UnavailableError` when nobody answers in time,
        :class:`RefusedError` with ClickHouse's own first sentence when the query fails.
        """
        bound = {f"param_{name}": _text(value) for name, value in parameters.items()}
        try:
            answer = await self._client.post(
                self._url, params={**self._parameters, **bound}, content=query.encode()
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
            raise RefusedError(f"ClickHouse refuses the query: {reason}.")
        return [json.loads(line) for line in answer.content.splitlines() if line]


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
