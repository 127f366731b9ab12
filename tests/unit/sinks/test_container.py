"""Containers of undecoded datums read back through fastavro as the rows they were."""

from __future__ import annotations

import io

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import TRADES
from sinks.container import WIRE_PREFIX, Container
from tests.unit.sinks.fakes import trade, wire


@given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 2**62)), max_size=200))
def test_a_container_reads_back_as_the_rows_it_was_made_of(facts: list[tuple[str, int]]) -> None:
    rows = [trade(text, offset) for text, offset in facts]
    container = Container(TRADES.schema_text).pack([wire(row)[WIRE_PREFIX:] for row in rows])
    reader = fastavro.reader(io.BytesIO(container))
    assert list(reader) == rows
    assert reader.codec == "null"


def test_the_header_keeps_logical_types_and_docs() -> None:
    reader = fastavro.reader(io.BytesIO(Container(TRADES.schema_text).pack([])))
    assert reader.metadata["avro.schema"] == TRADES.schema_text


def test_the_same_rows_are_the_same_bytes() -> None:
    datums = [wire(trade("1"))[WIRE_PREFIX:]] * 3
    assert Container(TRADES.schema_text).pack(datums) == Container(TRADES.schema_text).pack(datums)
