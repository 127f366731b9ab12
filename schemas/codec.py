"""The fast half of Avro: the few wire forms our events are made of, without a Decimal or a dict on the way.

Avro's ``decimal`` is a length and a big-endian two's-complement integer, its ``long`` a zig-zag varint. Prices and
quantities are scaled ints (18 digits after the point) from the frame to the event, so writing one is one conversion. Readers
anywhere see ordinary Avro; ``tests/properties`` holds every form against fastavro. No number's form is remembered: past
the processor's caches finding it takes longer than writing it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.decimals import SCALE
from bookmill.errors import FrameError

__all__ = [
    "SCALE",
    "UNIT",
    "decimal_bytes",
    "decimals_array",
    "long_bytes",
    "optional_decimal_bytes",
    "optional_long_bytes",
    "optional_text_bytes",
    "text_bytes",
]

UNIT = 10**SCALE
"""One, as a scaled int."""

_LIMIT = 10**38
_NULL = b"\x00"


def _varint(n: int) -> bytes:
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


# A varint is put together from 14-bit pieces: two bytes with the continuation bit set for each but the last.
_LAST = [_varint(n) for n in range(1 << 14)]
_MORE = [bytes((n & 0x7F | 0x80, n >> 7 | 0x80)) for n in range(1 << 14)]
_MASK = (1 << 14) - 1


class _High(dict[int, bytes]):
    """What follows the lowest 28 bits: of times and ids the same for minutes and millions. Bounded."""

    def __missing__(self, n: int) -> bytes:
        if len(self) >= 1 << 12:
            self.clear()
        written = self[n] = _varint(n)
        return written


_HIGH = _High()


def long_bytes(n: int) -> bytes:
    """Avro ``int`` or ``long``: any 64-bit ``n``."""
    n = n << 1 if n >= 0 else (-n << 1) - 1
    if n < 1 << 14:
        return _LAST[n]
    if n < 1 << 28:
        return _MORE[n & _MASK] + _LAST[n >> 14]
    return _MORE[n & _MASK] + _MORE[n >> 14 & _MASK] + _HIGH[n >> 28]


def optional_long_bytes(n: int | None) -> bytes:
    """Avro union of null and ``long``; None is null."""
    return _NULL if n is None else b"\x02" + long_bytes(n)


def text_bytes(text: str) -> bytes:
    """Avro ``string``."""
    data = text.encode()
    return long_bytes(len(data)) + data


def optional_text_bytes(text: str | None) -> bytes:
    """Avro union of null and ``string``; None is null."""
    return _NULL if text is None else b"\x02" + text_bytes(text)


# By bit length: what stands before a number in bytes, as the number's own highest bytes, and how many bytes all is then; alone and
# in a union with null. One conversion writes both.
_SIZES = [(bits + 8) // 8 for bits in range(_LIMIT.bit_length() + 1)]
_HEADS = [size << 1 << 8 * size for size in _SIZES]
_WITH_HEAD = [size + 1 for size in _SIZES]
_UNION_HEADS = [0x0200 + (size << 1) << 8 * size for size in _SIZES]
_WITH_UNION_HEAD = [size + 2 for size in _SIZES]
_UNCHECKED = 126
"""Bits that never make more than 38 digits."""


def decimal_bytes(scaled: int) -> bytes:
    """Avro ``bytes`` of logical type decimal(38,18). Raises :class:`FrameError` for what 38 digits cannot hold."""
    bits = scaled.bit_length()
    if bits > _UNCHECKED or scaled < 0:
        return _unusual(scaled)
    return (scaled | _HEADS[bits]).to_bytes(_WITH_HEAD[bits])


def optional_decimal_bytes(scaled: int | None) -> bytes:
    """Avro union of null and such a decimal; None is null."""
    if scaled is None:
        return _NULL
    bits = scaled.bit_length()
    if bits > _UNCHECKED or scaled < 0:
        return b"\x02" + _unusual(scaled)
    return (scaled | _UNION_HEADS[bits]).to_bytes(_WITH_UNION_HEAD[bits])


def decimals_array(values: Sequence[int]) -> bytes:
    """Avro ``array`` of decimals."""
    if not values:
        return b"\x00"
    if min(values) < 0 or max(values).bit_length() > _UNCHECKED:
        items = [*map(decimal_bytes, values)]
    else:  # as decimal_bytes does it: most numbers of all are these
        items = [
            (scaled | _HEADS[bits := scaled.bit_length()]).to_bytes(_WITH_HEAD[bits]) for scaled in values
        ]
    return b"".join((long_bytes(len(values)), *items, b"\x00"))


def _unusual(scaled: int) -> bytes:
    """Negative or large."""
    if not -_LIMIT < scaled < _LIMIT:
        raise FrameError(f"A number of more than 38 digits cannot be stored: {scaled}e-{SCALE}.")
    size = _SIZES[scaled.bit_length()]
    return _LAST[size << 1] + scaled.to_bytes(size, signed=True)
