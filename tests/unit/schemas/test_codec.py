"""The fast wire forms, at their edges; ``tests/properties/test_codec.py`` holds them against fastavro."""

from __future__ import annotations

import pytest

from bookmill.errors import FrameError
from schemas.codec import DecimalBytes, decimals_array, long_bytes, text_bytes


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
    decimals = DecimalBytes()
    assert decimals[0] == b"\x02\x00"
    assert decimals[127] == b"\x02\x7f"
    assert decimals[128] == b"\x04\x00\x80"
    assert decimals[-1] == b"\x02\xff"


def test_a_number_of_more_than_38_digits_is_refused() -> None:
    decimals = DecimalBytes()
    assert decimals[10**38 - 1]
    with pytest.raises(FrameError, match="38 digits"):
        decimals[10**38]


def test_the_memory_of_decimals_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.codec._MEMORY", 3)
    decimals = DecimalBytes()
    written = [decimals[number] for number in range(10)]
    assert len(decimals) <= 3
    assert [decimals[number] for number in range(10)] == written


def test_arrays_end_with_an_empty_block() -> None:
    decimals = DecimalBytes()
    assert decimals_array(decimals, []) == b"\x00"
    assert decimals_array(decimals, [1, 2]) == b"\x04\x02\x01\x02\x02\x00"


def test_texts_carry_their_length_in_bytes() -> None:
    assert text_bytes("é") == b"\x04\xc3\xa9"
