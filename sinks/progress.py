"""What a sink writes beside its committed offset: how far a partition is stored, and what is being stored now.

Kafka keeps with each committed offset a short text. Ours says which event ids the stored records reached (``marks``) and,
while a batch is on its way into ClickHouse, where it ends (``last``): whoever takes the partition over repeats exactly
that range, with the same marks and so the same rows, under the same deduplication token.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from bookmill.errors import RefusedError
from schemas.event_id import source_of

__all__ = ["METADATA_LIMIT", "Marks", "Progress", "well_formed"]

METADATA_LIMIT = 4096
"""Bytes a broker keeps with an offset (its ``offset.metadata.max.bytes``) unless it is configured otherwise."""

Marks = dict[bytes, bytes]
"""Highest event id by source (raw topic and partition)."""

_IDENTITY = re.compile(rb"[A-Za-z0-9._-]+/[0-9]+/[0-9]{20}/[0-9]{6}")


def well_formed(identity: bytes) -> bool:
    """Whether ``identity`` is an event id: others would not compare as numbers do."""
    return _IDENTITY.fullmatch(identity) is not None


@dataclass(frozen=True)
class Progress:
    """All records before ``offset`` are stored and reached ``marks``; those up to ``last`` may be (None: none on its way)."""

    offset: int
    marks: Marks = field(default_factory=dict)
    last: int | None = None

    def metadata(self) -> str:
        """As the text beside the committed offset. Raises :class:`RefusedError` where Kafka would cut it."""
        marks = {source_of(mark).decode(): _short(mark) for mark in self.marks.values()}
        content: dict[str, object] = {"marks": marks}
        if self.last is not None:
            content = {"last": self.last, **content}
        text = json.dumps(content, separators=(",", ":"))
        if len(text.encode()) > METADATA_LIMIT:
            raise RefusedError(
                f"One partition carries events of {len(marks)} raw topics: their marks do not fit into the"
                f" {METADATA_LIMIT} bytes that Kafka keeps with an offset.",
                hint="Use kafka.topic_prefix to split the installation.",
            )
        return text

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> Progress:
        """From a committed offset and its text; raises :class:`RefusedError` for a text that no sink wrote.

        No text at all is what tools leave that move a group's offset: nothing is known to be stored then.
        """
        if not metadata:
            return cls(offset)
        try:
            content = json.loads(metadata)
            marks = [_long(source, short) for source, short in content["marks"].items()]
            last = content.get("last")
            if last is not None and (type(last) is not int or last < offset):
                raise ValueError(f"no last offset: {last!r}")  # noqa: TRY301  one of many ways not to be ours
            return cls(offset, {source_of(mark): mark for mark in marks}, last)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RefusedError(
                f"The text beside the committed offset {offset} was not written by a sink: {metadata[:80]!r}.",
                hint="Another program commits for this consumer group: set BOOKMILL_SINK__GROUP to an unused name.",
            ) from error


def _short(identity: bytes) -> str:
    offset, index = identity.rsplit(b"/", 2)[1:]
    return f"{int(offset)}/{int(index)}"


def _long(source: str, short: str) -> bytes:
    offset, index = short.split("/")
    mark = f"{source}/{int(offset):020d}/{int(index):06d}".encode()
    if not well_formed(mark):
        raise ValueError(f"no mark: {mark!r}")
    return mark
