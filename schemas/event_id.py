"""The event id: which raw record an event comes from, and which of its events it is. The dedupe key everywhere.

It stands in the record header ``event_id`` as text, ``raw.binance.spot/3/00000000000000000912/000000``, so that it is
read without decoding the value. The numbers are padded: ids of one source partition compare as text as they compare as
numbers, and they only grow. A consumer drops what is not above the highest id it has seen of that source partition.
"""

from __future__ import annotations

__all__ = ["HEADER", "event_id", "is_new", "source_of", "split"]

HEADER = "event_id"

_NUMBERS = len("/00000000000000000912/000000")


def event_id(topic: str, partition: int, offset: int, index: int) -> str:
    """The id of event ``index`` of the raw record at ``offset``."""
    return f"{topic}/{partition}/{offset:020d}/{index:06d}"


def source_of(identity: bytes) -> bytes:
    """Raw topic and partition of an id: what its ids are compared within."""
    return identity[:-_NUMBERS]


def is_new(identity: bytes, marks: dict[bytes, bytes]) -> bool:
    """Whether ``identity`` is above the high-water mark of its source partition, which it then becomes."""
    source = identity[:-_NUMBERS]
    if identity <= marks.get(source, b""):
        return False
    marks[source] = identity
    return True


def split(identity: bytes) -> tuple[str, int, int, int]:
    """Topic, partition, offset and index of an id; raises ValueError for what is none."""
    topic, partition, offset, index = identity.decode("ascii").rsplit("/", 3)
    return topic, int(partition), int(offset), int(index)
