"""A query to ClickHouse, its answer passed on as it comes, in whatever format was asked for, or as rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import httpx2

from bookmill.archive import bound, first_sentence
from bookmill.errors import RefusedError, UnavailableError
from bookmill.questions import Question, Rows
from bookmill.settings import ClickHouseSettings

__all__ = ["asking", "run_query"]

_CONNECT_TIMEOUT_S = 5.0

# An error that comes up while rows are on their way stands at the end of them, between marks that no data can contain
# (the tag is random and comes in a header). ClickHouse cuts its text at 16 KiB.
_MARK = b"__exception__\r\n"
_HELD_BACK = 32 * 1024


def asking(settings: ClickHouseSettings, url: str) -> Callable[[Question], Rows]:
    """Who asks questions at ``url`` and waits for the rows; raises as :func:`run_query`."""

    def ask(question: Question) -> Rows:
        answer = run_query(settings, url, question.text, "JSONEachRow", question.parameters)
        return [json.loads(line) for line in b"".join(answer).splitlines() if line.strip()]

    return ask


def run_query(
    settings: ClickHouseSettings,
    url: str,
    query: str,
    output_format: str,
    query_parameters: Mapping[str, object] = {},
) -> Iterator[bytes]:
    """The answer to ``query`` in pieces; ``output_format`` where the query itself does not end in FORMAT. ``query_parameters``
    stand in it as ``{name:Type}``.

    Raises :class:`UnavailableError` when nobody answers at ``url`` or the answer breaks off, :class:`RefusedError` with
    ClickHouse's own first sentence when the query fails.
    """
    headers = {"X-ClickHouse-User": settings.username}
    if settings.password:
        headers["X-ClickHouse-Key"] = settings.password.get_secret_value()
    parameters = {
        "database": settings.database,
        "default_format": output_format,
        **bound(query_parameters),
    }
    timeout = httpx2.Timeout(None, connect=_CONNECT_TIMEOUT_S)
    try:
        with httpx2.stream(
            "POST", url, params=parameters, headers=headers, content=query.encode(), timeout=timeout
        ) as answer:
            if answer.is_error:
                raise _refused(answer.read(), answer.status_code)
            tag = answer.headers.get("X-ClickHouse-Exception-Tag", "none")
            yield from _without_error(answer.iter_bytes(), _MARK + tag.encode())
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnavailableError(
            f"ClickHouse does not answer at {url}: {error}.",
            hint="Start it, or set BOOKMILL_CLICKHOUSE__URL to where it is.",
        ) from error


def _without_error(pieces: Iterator[bytes], mark: bytes) -> Iterator[bytes]:
    """All of ``pieces`` but the error that may stand at their end, which is raised. They may break off after it."""
    held = b""
    broken: httpx2.HTTPError | None = None
    try:
        for piece in pieces:
            held += piece
            if len(held) > 2 * _HELD_BACK:
                yield held[:-_HELD_BACK]
                held = held[-_HELD_BACK:]
    except httpx2.HTTPError as error:
        broken = error
    rows, found, text = held.partition(mark)
    yield rows.removesuffix(b"\r\n") if found else held
    if found:
        raise _refused(text, None)
    if broken is not None:
        raise broken


def _refused(body: bytes, status: int | None) -> RefusedError:
    text = body.decode(errors="replace").strip()
    reason = first_sentence(text) or f"status {status}"
    hint = ""
    if "(UNKNOWN_DATABASE)" in text:
        hint = (
            "The sink makes its database when it first starts; BOOKMILL_CLICKHOUSE__DATABASE names another."
        )
    return RefusedError(f"ClickHouse refuses the query: {reason}.", hint=hint)
