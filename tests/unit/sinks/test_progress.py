"""What stands beside a committed offset comes back as it was written, fits, and is nobody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import RefusedError
from schemas.event_id import event_id, source_of
from sinks.progress import METADATA_LIMIT, Progress, well_formed

IDENTITIES = st.builds(
    lambda topic, partition, offset, index: event_id(topic, partition, offset, index).encode(),
    st.from_regex(r"[a-zA-Z0-9._-]{1,60}", fullmatch=True),
    st.integers(0, 5000),
    st.integers(0, 2**63 - 1),
    st.integers(0, 999_999),
)


@given(st.integers(0, 2**62), st.lists(IDENTITIES, max_size=10), st.none() | st.integers(0, 2**62))
def test_progress_survives_its_metadata(offset: int, identities: list[bytes], more: int | None) -> None:
    marks = {source_of(identity): identity for identity in identities}
    progress = Progress(offset, marks, None if more is None else offset + more)
    assert Progress.read(offset, progress.metadata()) == progress


def test_what_kafka_would_cut_is_refused_before_it_is_sent() -> None:
    marks = [event_id(f"raw.exchange{n}.market", 0, n, 0).encode() for n in range(200)]
    with pytest.raises(RefusedError, match="4096 bytes"):
        Progress(0, {source_of(mark): mark for mark in marks}).metadata()
    few = Progress(2**62, {source_of(mark): mark for mark in marks[:60]}, 2**62)
    assert len(few.metadata().encode()) < METADATA_LIMIT


@pytest.mark.parametrize("metadata", [None, ""])
def test_an_offset_moved_by_hand_starts_without_marks(metadata: str | None) -> None:
    assert Progress.read(5, metadata) == Progress(5)


@pytest.mark.parametrize(
    "metadata",
    [
        "NONE",
        "[]",
        '{"last": 3}',
        '{"marks": {"raw/0": "x"}}',
        '{"marks": []}',
        '{"marks": {"a/b/0": "1/0"}}',
        '{"marks": {"raw/0": "-1/0"}}',
        '{"marks": {}, "last": 4}',
        '{"marks": {}, "last": 1e999}',
        "[" * 4000,
    ],
)
def test_another_programs_text_is_refused(metadata: str) -> None:
    with pytest.raises(RefusedError, match="not written by a sink"):
        Progress.read(5, metadata)


@pytest.mark.parametrize(
    "identity",
    [b"", b"x", b"raw.a.b/0/1/2", b"raw.a.b/0/0000000000000000000x/000000", b"/0/" + b"0" * 20 + b"/000000"],
)
def test_text_that_is_no_event_id_is_known(identity: bytes) -> None:
    assert not well_formed(identity)
    assert well_formed(b"raw.a.b/12/00000000000000000001/000002")
