"""What a venue's quantity is in base units: exact for linear contracts, a rounded quotient for inverse ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmill.errors import FrameError
from venues.numbers import plain_text
from venues.units import BASE, Unit, unit

ONE = 10**18


@pytest.mark.parametrize("text", ["", "0.01", "/100", "10", "/1", "0.000000000000000001"])
def test_a_unit_is_read_as_it_is_written(text: str) -> None:
    assert unit(text).text == text


@pytest.mark.parametrize("text", ["0", "/0", "x", "/", "-1", "1e999"])
def test_what_is_no_unit(text: str) -> None:
    with pytest.raises(FrameError):
        unit(text)


def test_contracts_in_base_units() -> None:
    assert BASE.base(7 * ONE, 3 * ONE) == 7 * ONE
    assert unit("0.01").base(3 * ONE, ONE) == 3 * ONE // 100
    assert unit("/100").base(4 * ONE, 40_000 * ONE) == ONE // 100
    assert unit("/100").base(ONE, 0) == 0


@given(st.integers(0, 10**30), st.integers(1, 10**30), st.integers(1, 10**24))
def test_a_quotient_is_rounded_half_to_even(quantity: int, price: int, size: int) -> None:
    found = Unit(size, inverse=True).base(quantity, price)
    numerator = quantity * size
    assert abs(found * price - numerator) * 2 <= price
    if abs(found * price - numerator) * 2 == price:
        assert found % 2 == 0


@given(st.integers(-(10**37), 10**37))
def test_plain_text_is_exact(scaled: int) -> None:
    text = plain_text(scaled)
    whole, _, fraction = text.lstrip("-").partition(".")
    assert int(whole + fraction.ljust(18, "0")) == abs(scaled)
    assert not text.endswith((".", "0")) or not fraction
    assert "e" not in text.lower()
