"""Runs one request on a session: insert with streamed data, streamed rows, or a whole result."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import chdb

from embedded.clickhouse.engine import Session
from embedded.clickhouse.errors import ClickHouseError
from embedded.clickhouse.request import Request
from embedded.clickhouse.statement import InsertHead, gives_rows, insert_head, output_format

__all__ = ["Answer", "run"]

_HEAD_BYTES = 64 * 1024
# Formats without a header or a footer: each block can be sent when it is ready.
_STREAMED = frozenset(
    ("Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow", "TabSeparatedRaw", "TSVRaw")
)


@dataclass
class Answer:
    """``format`` is empty when the statement has no result; ``pieces`` is the body; ``summary`` for ``X-ClickHouse-Summary``."""

    format: str = ""
    pieces: Generator[bytes, None, None] = field(default_factory=lambda: _pieces(()))
    summary: Mapping[str, str] = field(default_factory=dict)


def run(session: Session, request: Request, body: Iterator[bytes], *, read_only: bool) -> Answer:
    """Run what the URL and the body say together. ``pieces`` must be consumed before the session is used again.

    Raises :class:`ClickHouseError` when it is refused; while ``pieces`` is read too, when it fails later.
    """
    started_s = time.monotonic()
    begin = _begin(request, body)
    head = insert_head(begin) if not read_only else None
    if head is not None:
        data = itertools.chain((begin[head.data_offset :],), body)
        return Answer(summary=_insert(session, head, data, request.parameters))
    text = begin + b"".join(body)
    statement = _readable(text)
    if read_only and not gives_rows(statement):
        raise ClickHouseError.own(
            164,
            "READONLY",
            "Cannot execute query in readonly mode: the HTTP method GET only reads. Use POST.",
        )
    format_name = output_format(statement, request.default_format) if gives_rows(statement) else ""
    if format_name in _STREAMED and not request.wait_end:
        return Answer(format_name, _stream(session, text, request))
    result = session.run(text, request.default_format, request.parameters)
    session.remember(statement)
    return Answer(format_name, _pieces((result.bytes(),)), _summary(result, started_s))


def _begin(request: Request, body: Iterator[bytes]) -> bytes:
    """Enough of the request to see what it is: the URL's query, a line end, the beginning of the body."""
    begin = request.query.encode() + b"\n" if request.query.strip() else b""
    for piece in body:
        begin += piece
        if len(begin) >= _HEAD_BYTES:
            break
    if not begin.strip():
        raise ClickHouseError.own(62, "SYNTAX_ERROR", "Empty query")
    return begin


def _readable(text: bytes) -> str:
    # Binary parameters may make a statement that is no UTF-8; its edges are readable all the same.
    return text.decode("utf-8", "replace")


def _insert(
    session: Session, head: InsertHead, data: Iterator[bytes], parameters: Mapping[str, str]
) -> dict[str, str]:
    """Let the engine decode the data piece by piece as it comes: nothing is held whole."""
    if parameters:
        text = f"{head.statement} FORMAT {head.format}\n".encode() + b"".join(data)
        return _summary(session.run(text, "TabSeparated", parameters), time.monotonic())
    inserter: Any = None
    try:
        inserter = session.connection.send_insert(head.statement, head.format)
        for piece in data:
            if piece:
                inserter.append(piece)
        result = inserter.finish()
    except (chdb.ChdbError, RuntimeError) as error:
        raise ClickHouseError.of(error) from error
    finally:
        if inserter is not None:
            inserter.cancel()  # does nothing after finish()
    return {
        "read_rows": "0",
        "read_bytes": "0",
        "written_rows": str(result.rows_written),
        "written_bytes": str(result.bytes_written),
        "elapsed_ns": str(int(result.elapsed * 1e9)),
    }


def _stream(session: Session, text: bytes, request: Request) -> Generator[bytes, None, None]:
    """Blocks as they come. The first is awaited here, so that most errors come before any byte is sent."""
    try:
        stream = session.connection.send_query(text, request.default_format, dict(request.parameters))
        first = next(iter(stream), None)
    except (chdb.ChdbError, RuntimeError) as error:
        raise ClickHouseError.of(error) from error
    return _rest(stream, first)


def _rest(stream: Any, first: Any) -> Generator[bytes, None, None]:
    try:
        if first is not None:
            yield first.bytes()
        for block in stream:
            yield block.bytes()
    except (chdb.ChdbError, RuntimeError) as error:
        raise ClickHouseError.of(error) from error
    finally:
        stream.close()


def _pieces(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    yield from pieces


def _summary(result: Any, started_s: float) -> dict[str, str]:
    return {
        "read_rows": str(result.rows_read()),
        "read_bytes": str(result.bytes_read()),
        "written_rows": str(result.rows_written()),
        "written_bytes": str(result.bytes_written()),
        "elapsed_ns": str(int((time.monotonic() - started_s) * 1e9)),
    }
