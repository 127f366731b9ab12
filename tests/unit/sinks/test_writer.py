"""What a batch that could not be written leaves behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Never

import pytest
from confluent_kafka import Message

from bookmill.errors import UnavailableError
from schemas.catalogue import TRADES, Topic
from schemas.event_id import HEADER, event_id
from sinks.batch import Batch
from sinks.writer import Failed, Writer
from sinks.writer_schemas import WriterSchema

_DATUM = b"one datum of a batch that is not stored"


@dataclass
class _Away:
    """ClickHouse and registry: the one does not answer. ``circle``: its library's error holds itself."""

    circle: bool

    def get(self, topic: Topic, schema_id: int) -> WriterSchema:  # noqa: ARG002  as schemas are asked for
        return WriterSchema(TRADES.schema_text, ("price",))

    def insert(self, table: str, columns: Sequence[str], container: bytes, token: str) -> Never:  # noqa: ARG002  the same
        try:
            int("refused")
        except ValueError as error:
            _last = error if self.circle else None
            raise UnavailableError("ClickHouse does not answer.") from error
        raise AssertionError

    def write(self, letters: Sequence[object]) -> None:
        raise AssertionError(f"there are no dead letters: {letters}")


def _writer(*, circle: bool) -> Writer:
    away: Any = _Away(circle)
    return Writer({"t": (TRADES, "1")}, store=away, schemas=away, dead_letters=away)


def _batch() -> Batch:
    made: Any = Message
    headers = [(HEADER, event_id("raw", 0, 1, 0).encode())]
    message = made(topic="t", partition=0, offset=7, value=b"\x00\x00\x00\x00\x01" + _DATUM, headers=headers)
    return Batch("t", 0, 7, 7, [message], {})


@pytest.fixture
def _nobody_looks_for_circles() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_nobody_looks_for_circles")
def test_nothing_of_a_failed_attempt_is_held_by_what_came_of_it() -> None:
    batch = _batch()
    held = weakref.ref(batch)
    outcome = _writer(circle=False).write(batch)
    del batch
    assert held() is None
    assert outcome == Failed("clickhouse", "ClickHouse does not answer.")


@pytest.mark.usefixtures("_nobody_looks_for_circles")
def test_the_rows_of_a_failed_attempt_are_let_go_though_a_library_keeps_its_error() -> None:
    _writer(circle=True).write(_batch())
    kept = gc.get_objects()
    errors = [one for one in kept if type(one) is ValueError and "refused" in str(one)]
    held = [
        one
        for one in kept
        if type(one) is list and any(type(each) is bytes and each == _DATUM for each in one)
    ]
    assert errors, "nobody keeps the error: the test shows nothing"
    assert held == []
