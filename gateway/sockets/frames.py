"""Messages as they go over the wire: made, framed and compressed once, however many clients get them.

Each message is compressed for itself (no context is taken over from the one before), so that its bytes are the same for
every client, and no client costs a compressor.
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

__all__ = ["WINDOW_BITS", "Frame", "message"]

WINDOW_BITS = 12
_LEVEL = 4
_MEMORY = 5
_SHORT = 160
"""Bytes below which compressing is not worth it."""
_TEXT = 0x81
_COMPRESSED_TEXT = 0xC1
_TAIL = 4
"""Bytes with which every flush ends; the other side knows them."""

_encode = msgspec.json.Encoder().encode


class Frame:
    """One text message."""

    __slots__ = ("_compressed", "_plain", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._plain: bytes | None = None
        self._compressed: bytes | None = None

    def __len__(self) -> int:
        return len(self.text)

    def wire(self, *, compressed: bool) -> bytes:
        """The whole frame, for a connection that has agreed on compression or for one that has not."""
        if compressed and len(self.text) >= _SHORT:
            if self._compressed is None:
                self._compressed = _framed(_COMPRESSED_TEXT, _deflated(self.text))
            return self._compressed
        if self._plain is None:
            self._plain = _framed(_TEXT, self.text)
        return self._plain


def message(kind: str, **fields: Any) -> Frame:
    """A message that is no data: ``{"type": kind, …}``."""
    return Frame(_encode({"type": kind, **fields}))


def _deflated(text: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY)
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-_TAIL]


def _framed(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        head = bytes((first, length))
    elif length < 1 << 16:
        head = bytes((first, 126)) + length.to_bytes(2)
    else:
        head = bytes((first, 127)) + length.to_bytes(8)
    return head + payload
