"""One side of a book as bytes: what checkpoints are mostly made of.

Scaled ints are divided by their greatest common divisor, which takes away the digits an instrument does not use: what is left
fits 64 bits, is written and read by the thousand in C, and is half as long. Numbers that do not fit are written with 128 bits.

::

    count (4 bytes) · prices · quantities        each column: divisor (16 bytes, 0: none) · count numbers of 8 (16) bytes

All little-endian, unsigned.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

__all__ = ["pack_levels", "unpack_levels"]

_WIDE = 16
"""Bytes of a scaled int as it is: 38 digits need 127 bits."""
_NARROW = 8
_COUNT = struct.Struct("<I")


def pack_levels(prices: Sequence[int], quantities: Sequence[int]) -> bytes:
    """Prices and quantities of one side, in their order."""
    return b"".join((_COUNT.pack(len(prices)), *_column(prices), *_column(quantities)))


def unpack_levels(data: bytes) -> list[tuple[int, int]]:
    """Levels as they were packed; raises ValueError for bytes that are none."""
    if len(data) < _COUNT.size:
        raise ValueError("levels without their number")
    (count,) = _COUNT.unpack_from(data)
    prices, at = _numbers(data, _COUNT.size, count)
    quantities, at = _numbers(data, at, count)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes behind {count} levels")
    return list(zip(prices, quantities, strict=True))


def _column(numbers: Sequence[int]) -> tuple[bytes, bytes]:
    divisor = math.gcd(*numbers) or 1
    small = numbers if divisor == 1 else [number // divisor for number in numbers]
    if max(small, default=0) >> 8 * _NARROW:
        return bytes(_WIDE), b"".join(number.to_bytes(_WIDE, "little") for number in numbers)
    return divisor.to_bytes(_WIDE, "little"), struct.pack(f"<{len(small)}Q", *small)


def _numbers(data: bytes, at: int, count: int) -> tuple[Sequence[int], int]:
    divisor = int.from_bytes(data[at : at + _WIDE], "little")
    at += _WIDE
    end = at + count * (_NARROW if divisor else _WIDE)
    if end > len(data):
        raise ValueError(f"levels cut short: {len(data)} bytes for {count}")
    if divisor:
        small = struct.unpack_from(f"<{count}Q", data, at)
        return [number * divisor for number in small], end
    return [int.from_bytes(data[place : place + _WIDE], "little") for place in range(at, end, _WIDE)], end
