"""ClickHouse over its HTTP interface: connecting, running a statement, storing a container under a token."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from bookmill.archive import first_sentence
from bookmill.errors import BookmillError, RefusedError, UnavailableError
from bookmill.settings import ClickHouseSettings
from sinks.faults import Verdict, verdict

__all__ = ["DataRefusedError", "Store", "connect"]

_CONNECT_TIMEOUT_S = 5
_ANSWER_TIMEOUT_S = 60


class DataRefusedError(RefusedError):
    """ClickHouse cannot store some record of what it was given."""


def connect(settings: ClickHouseSettings, url: str, *, answer_timeout_s: int = _ANSWER_TIMEOUT_S) -> Client:
    """The ordinary HTTP client, without a session: several threads may use it.

    Raises :class:`UnavailableError` when nobody answers at ``url``, :class:`RefusedError` when it lets us not in.
    """
    parts = urlsplit(url)
    # What it logs, with a traceback, it also raises.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    with _translated(url):
        return clickhouse_connect.get_client(
            host=parts.hostname or url,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            interface="https" if parts.scheme == "https" else "http",
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else "",
            connect_timeout=_CONNECT_TIMEOUT_S,
            send_receive_timeout=answer_timeout_s,
            autogenerate_session_id=False,
            show_clickhouse_errors="scrub",
        )


class Store:
    """What the loader needs of ClickHouse."""

    def __init__(self, client: Client, url: str, database: str) -> None:
        self._client = client
        self._url = url
        self._database = database

    def command(self, statement: str) -> None:
        """Run one statement that returns nothing."""
        with _translated(self._url):
            self._client.command(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query whose answer is small."""
        with _translated(self._url):
            return [tuple(row) for row in self._client.query(query).result_rows]

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> None:
        """Store a container of rows. The same ``token`` again stores nothing again.

        Raises :class:`UnavailableError` where waiting can help, :class:`DataRefusedError` where some row is the reason,
        :class:`RefusedError` where neither can.
        """
        with _translated(self._url):
            self._client.raw_insert(
                f"{self._database}.{table}",
                columns,
                container,
                settings={
                    "insert_deduplicate": 1,
                    "insert_deduplication_token": token,
                    "async_insert": 0,
                    # One batch is one block, or a token would stand for part of it only.
                    "max_insert_block_size": 100_000_000,
                    "min_insert_block_size_rows": 100_000_000,
                    "min_insert_block_size_bytes": 0,
                    # A backlog of more than 100 days is a lot of parts once; refusing it would not make it fewer.
                    "max_partitions_per_insert_block": 0,
                },
                fmt="Avro",
            )


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise _translate(error, url) from error


def _translate(error: ClickHouseError, url: str) -> BookmillError:
    code = error.code if isinstance(error, Error) else None
    reason = first_sentence(str(error))
    if code is None:
        cause = error.__cause__
        return UnavailableError(
            f"ClickHouse does not answer at {url}: {first_sentence(str(cause)) if cause else reason}.",
            hint="Start it, or set BOOKMILL_CLICKHOUSE__URL to where it is.",
        )
    match verdict(code):
        case Verdict.DATA:
            return DataRefusedError(f"ClickHouse cannot store the data: {reason} (code {code}).")
        case Verdict.STOP:
            return RefusedError(f"ClickHouse at {url} refuses: {reason} (code {code}).")
        case Verdict.RETRY:
            return UnavailableError(f"ClickHouse at {url} cannot do it now: {reason} (code {code}).")
