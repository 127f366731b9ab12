"""What a batch that could not be written leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Never, cast

from confluent_kafka import Message

from bookmill.errors import UnavailableError
from schemas.catalogue import TRADES, Topic
from schemas.event_id import HEADER, event_id
from sinks.batch import Batch
from sinks.writer import Failed, Writer
from sinks.writer_schemas import WriterSchema

_PREFIX = b"\x00\x00\x00\x00\x01"
_DATUM = b"one datum of a batch that is not stored"


class _Away:
    """ClickHouse and registry: the one does not answer, and its library's error holds itself."""

    def get(self, topic: Topic, schema_id: int) -> WriterSchema:  # noqa: ARG002  as schemas are asked for
        return WriterSchema(TRADES.schema_text, ("price",))

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> Never:  # noqa: ARG002  the same
        try:
            int("refused")
        except ValueError as error:
            _last = error  # as urllib3 does
            raise UnavailableError("ClickHouse does not answer.") from error

    def write(self, letters: Sequence[object]) -> None:
        raise AssertionError(f"there are no dead letters: {letters}")


def test_the_rows_of_a_failed_attempt_are_let_go_though_its_error_stays() -> None:
    message = Message(
        topic="t",
        partition=0,
        offset=7,
        value=_PREFIX + _DATUM,
        headers=[(HEADER, event_id("raw", 0, 1, 0).encode())],
    )  # type: ignore[arg-type]
    away = _Away()
    writer = Writer({"t": (TRADES, "1")}, store=away, schemas=cast("object", away), dead_letters=away)  # type: ignore[arg-type]
    gc.collect()
    gc.disable()
    try:
        outcome = writer.write(Batch("t", 0, 7, 7, [message], {}))
        errors = [one for one in gc.get_objects() if isinstance(one, ValueError) and "refused" in str(one)]
        held = [one for one in gc.get_objects() if isinstance(one, list) and _DATUM in one]
    finally:
        gc.enable()
    assert errors, "nobody keeps the error: the test shows nothing"
    assert held == []
    assert outcome == Failed("clickhouse", "ClickHouse does not answer.")
