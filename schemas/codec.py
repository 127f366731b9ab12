"""The fast half of Avro: the few wire forms our events are made of, without a Decimal or a dict on the way.

Avro's ``decimal`` is a length and a big-endian two's-complement integer, its ``long`` a zig-zag varint. Prices and
quantities are scaled ints (18 digits after the point) from the frame to the event, so writing one is a look-up. Readers
anywhere see ordinary Avro; ``tests/properties`` holds every form against fastavro.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.errors import FrameError

__all__ = [
    "SCALE",
    "UNIT",
    "DecimalBytes",
    "OptionalDecimalBytes",
    "decimals_array",
    "long_bytes",
    "text_bytes",
]

SCALE = 18
"""Digits after the decimal point of every price and quantity."""

UNIT = 10**SCALE
"""One, as a scaled int."""

_LIMIT = 10**38
_MEMORY = 200_000


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


def long_bytes(n: int) -> bytes:
    """Avro ``int`` or ``long``: any 64-bit ``n``."""
    n = n << 1 if n >= 0 else (-n << 1) - 1
    if n < 1 << 14:
        return _LAST[n]
    if n < 1 << 28:
        return _MORE[n & _MASK] + _LAST[n >> 14]
    if n < 1 << 42:
        return _MORE[n & _MASK] + _MORE[n >> 14 & _MASK] + _LAST[n >> 28]
    if n < 1 << 56:
        return _MORE[n & _MASK] + _MORE[n >> 14 & _MASK] + _MORE[n >> 28 & _MASK] + _LAST[n >> 42]
    return (
        _MORE[n & _MASK]
        + _MORE[n >> 14 & _MASK]
        + _MORE[n >> 28 & _MASK]
        + _MORE[n >> 42 & _MASK]
        + _LAST[n >> 56]
    )


def text_bytes(text: str) -> bytes:
    """Avro ``string``."""
    data = text.encode()
    return long_bytes(len(data)) + data


class DecimalBytes(dict[int, bytes]):
    """Avro ``bytes`` of logical type decimal(38,18), by scaled int: ``decimal_bytes[61602_010000000000000000]``.

    The same prices and quantities come again and again, so each is written once and remembered. The memory is bounded:
    past 200,000 values it is emptied and starts again. Raises :class:`FrameError` for what 38 digits cannot hold.
    """

    def __missing__(self, scaled: int) -> bytes:
        if not -_LIMIT < scaled < _LIMIT:
            raise FrameError(f"A number of more than 38 digits cannot be stored: {scaled}e-{SCALE}.")
        data = scaled.to_bytes((scaled.bit_length() + 8) // 8, "big", signed=True)
        if len(self) >= _MEMORY:
            self.clear()
        written = self[scaled] = _LAST[len(data) << 1] + data
        return written


class OptionalDecimalBytes(dict[int | None, bytes]):
    """Avro union of null and such a decimal, by scaled int or None. Bounded as :class:`DecimalBytes`."""

    def __init__(self, decimals: DecimalBytes) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, scaled: int | None) -> bytes:
        if len(self) >= _MEMORY:
            self.clear()
        written = self[scaled] = b"\x00" if scaled is None else b"\x02" + self._decimals[scaled]
        return written


def decimals_array(memory: DecimalBytes, values: Sequence[int]) -> bytes:
    """Avro ``array`` of decimals."""
    if not values:
        return b"\x00"
    return b"".join((long_bytes(len(values)), *map(memory.__getitem__, values), b"\x00"))
