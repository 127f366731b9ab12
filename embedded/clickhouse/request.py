"""One HTTP request, read: what to run, where, with which settings, and how the answer is wanted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from io import BufferedIOBase
from urllib.parse import parse_qsl

from embedded.clickhouse.codings import choose_coding, decompress
from embedded.clickhouse.errors import ClickHouseError

__all__ = ["CHUNK", "Request", "body_of", "form_of"]

CHUNK = 1 << 20
_BODY_MAX = 2 << 30
# URL parameters that belong to the transport; each other one is a setting, or a parameter of the query (param_…).
_NOT_SETTINGS = frozenset(
    (
        "add_http_cors_header", "buffer_size", "client_protocol_version", "close_session", "compress", "database",
        "decompress", "default_format", "enable_http_compression", "password", "query", "query_id", "quota_key", "role",
        "session_check", "session_id", "session_timeout", "stacktrace", "user", "wait_end_of_query",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """Times in seconds; names and values as they came, decoded."""

    query: str
    database: str
    default_format: str
    query_id: str
    session_id: str
    session_timeout_s: float | None
    session_check: bool
    wait_end: bool
    coding: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]

    @classmethod
    def read(cls, url_query: str, headers: Message, form: Mapping[str, str]) -> Request:
        """From the URL's query part, the headers and a form in the body.

        User and password are taken and not looked at: this is one machine.
        """
        values = {**dict(parse_qsl(url_query, keep_blank_values=True)), **form}
        for flag in ("compress", "decompress"):
            if values.get(flag, "0") != "0":
                raise ClickHouseError.own(
                    48,
                    "NOT_IMPLEMENTED",
                    f"{flag}=1 is not supported: use Content-Encoding and Accept-Encoding",
                )
        compressed = values.get("enable_http_compression", "0") not in {"0", "false"}
        return cls(
            query=values.get("query", ""),
            database=values.get("database", headers.get("X-ClickHouse-Database", "")),
            default_format=values.get("default_format", headers.get("X-ClickHouse-Format", "TabSeparated")),
            query_id=values.get("query_id") or str(uuid.uuid4()),
            session_id=values.get("session_id", ""),
            session_timeout_s=_seconds(values.get("session_timeout")),
            session_check=values.get("session_check", "0") == "1",
            wait_end=values.get("wait_end_of_query", "0") not in {"0", "false"},
            coding=choose_coding(headers.get("Accept-Encoding", "")) if compressed else "",
            settings={
                name: value
                for name, value in values.items()
                if name not in _NOT_SETTINGS and not name.startswith("param_")
            },
            parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        )


def body_of(stream: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    """The request's body in pieces of at most about :data:`CHUNK` bytes, decompressed."""
    pieces = (
        _chunked(stream)
        if _is_chunked(headers)
        else _counted(stream, int(headers.get("Content-Length") or 0))
    )
    coding = headers.get("Content-Encoding", "identity")
    if coding in {"identity", ""}:
        yield from pieces
        return
    whole = memoryview(decompress(coding, b"".join(pieces)))
    for begin in range(0, len(whole), CHUNK):
        yield bytes(whole[begin : begin + CHUNK])


def form_of(headers: Message, body: Iterator[bytes]) -> dict[str, str]:
    """The fields of a ``multipart/form-data`` body (clients send long query parameters so); empty for other bodies."""
    if headers.get_content_type() != "multipart/form-data":
        return {}
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    for part in message_from_bytes(head + b"".join(body), policy=HTTP).iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise ClickHouseError.own(48, "NOT_IMPLEMENTED", "External data tables are not supported")
        value = part.get_payload(decode=True)
        fields[str(name)] = value.decode() if isinstance(value, bytes) else ""
    return fields


def _is_chunked(headers: Message) -> bool:
    return "chunked" in headers.get("Transfer-Encoding", "").lower()


def _counted(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    _check_size(length)
    while length:
        piece = stream.read(min(length, CHUNK))
        if not piece:
            raise ConnectionResetError("the client closed the connection in the middle of the body")
        length -= len(piece)
        yield piece


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    received = 0
    while True:
        line = stream.readline(1024)
        try:
            length = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise ConnectionResetError("the client broke off a chunked body") from error
        if not length:
            break
        received += length
        _check_size(received)
        yield from _counted(stream, length)
        stream.readline(16)
    while stream.readline(8192).strip():
        pass  # trailers


def _check_size(length: int) -> None:
    if length > _BODY_MAX:
        raise ClickHouseError.own(396, "TOO_MANY_BYTES", f"A body may have at most {_BODY_MAX} bytes")


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise ClickHouseError.own(407, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{text}'")
    return float(text)
