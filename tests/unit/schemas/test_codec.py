"""The fast wire forms, at their edges; ``tests/properties/test_codec.py`` holds them against fastavro."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bookmill.errors import FrameError
from schemas.codec import (
    decimal_bytes,
    decimals_array,
    long_bytes,
    optional_decimal_bytes,
    optional_long_bytes,
    text_bytes,
)


@pytest.mark.parametrize(
    ("number", "wire"),
    [
        (0, "00"),
        (-1, "01"),
        (1, "02"),
        (63, "7e"),
        (64, "8001"),
        (8191, "fe7f"),
        (8192, "808001"),
        (2**63 - 1, "feffffffffffffffff01"),
        (-(2**63), "ffffffffffffffffff01"),
    ],
)
def test_longs_are_zigzag_varints(number: int, wire: str) -> None:
    assert long_bytes(number).hex() == wire


def test_decimals_are_the_shortest_signed_big_endian_form() -> None:
    assert decimal_bytes(0) == b"\x02\x00"
    assert decimal_bytes(127) == b"\x02\x7f"
    assert decimal_bytes(128) == b"\x04\x00\x80"
    assert decimal_bytes(-1) == b"\x02\xff"


def test_an_optional_decimal_is_null_or_the_second_branch() -> None:
    assert optional_decimal_bytes(None) == b"\x00"
    assert optional_decimal_bytes(128) == b"\x02" + decimal_bytes(128)


def test_an_optional_long_is_null_or_the_second_branch() -> None:
    assert optional_long_bytes(None) == b"\x00"
    assert optional_long_bytes(0) == b"\x02\x00"
    assert optional_long_bytes(64) == b"\x02" + long_bytes(64)


@pytest.mark.parametrize("write", [decimal_bytes, optional_decimal_bytes])
@pytest.mark.parametrize("number", [10**38, -(10**38), 10**60])
def test_a_number_of_more_than_38_digits_is_refused(write: Callable[[int], bytes], number: int) -> None:
    sign = 1 if number > 0 else -1
    assert len(write(sign * (10**38 - 1))) >= 17
    with pytest.raises(FrameError, match="38 digits"):
        write(number)


def test_arrays_end_with_an_empty_block() -> None:
    assert decimals_array([]) == b"\x00"
    assert decimals_array([1, 2]) == b"\x04\x02\x01\x02\x02\x00"


def test_texts_carry_their_length_in_bytes() -> None:
    assert text_bytes("é") == b"\x04\xc3\xa9"
