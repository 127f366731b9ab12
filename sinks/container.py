"""Avro object containers put together from datums nobody decoded: ClickHouse reads them with ``FORMAT Avro``.

A container is a header (magic, the writer schema, codec, a sync marker) and blocks (number of datums, their bytes, the
marker again). Source: Avro 1.12 specification, "Object Container Files".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from schemas.codec import long_bytes, text_bytes

__all__ = ["WIRE_PREFIX", "Container"]

WIRE_PREFIX = 5
"""Bytes of the Confluent wire format before the datum: a zero and the schema id, big-endian."""

_MAGIC = b"Obj\x01"


class Container:
    """Containers of one writer schema.

    The sync marker is made from the schema instead of at random: the same rows are the same bytes, whenever and by
    whomever they are sent.
    """

    def __init__(self, schema_text: str) -> None:
        self._sync = blake2b(schema_text.encode(), digest_size=16).digest()
        metadata = {"avro.codec": "null", "avro.schema": schema_text}
        entries = b"".join(text_bytes(key) + text_bytes(value) for key, value in metadata.items())
        self._header = _MAGIC + long_bytes(len(metadata)) + entries + b"\x00" + self._sync

    def pack(self, datums: Sequence[bytes]) -> bytes:
        """One container of ``datums``, in order, in one block."""
        return b"".join(self._pieces(datums))

    def _pieces(self, datums: Sequence[bytes]) -> Iterable[bytes]:
        yield self._header
        if datums:
            yield long_bytes(len(datums))
            yield long_bytes(sum(map(len, datums)))
            yield from datums
            yield self._sync
