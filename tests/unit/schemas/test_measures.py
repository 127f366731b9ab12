"""Mid, spread and basis points, exact to the last of 18 digits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest

from schemas.measures import change, half_even, measure

UNIT = 10**18


def test_a_spread_of_one_cent_at_sixty_thousand() -> None:
    mid, spread, bps = measure(61_602_010_000_000_000_000_000, 61_602_020_000_000_000_000_000)
    assert mid == 61_602_015_000_000_000_000_000
    assert spread == UNIT // 100
    with localcontext(prec=60):
        true_bps = Decimal("0.01") / Decimal("61602.015") * 10_000
    assert bps == int(true_bps.scaleb(18).to_integral_value(ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("numerator", "denominator", "result"),
    [(1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 3, 2), (8, 3, 3), (-1, 2, 0), (-3, 2, -2)],
)
def test_ties_go_to_the_even_one(numerator: int, denominator: int, result: int) -> None:
    assert half_even(numerator, denominator) == result


def test_a_one_sided_book_has_no_measures() -> None:
    assert measure(None, 5) == (None, None, None)
    assert measure(5, None) == (None, None, None)


def test_a_mid_of_zero_has_no_basis_points() -> None:
    assert measure(0, 0) == (0, 0, None)


@pytest.mark.parametrize(
    ("last", "first", "difference", "percent"),
    [
        (110 * UNIT, 100 * UNIT, 10 * UNIT, 10 * UNIT),
        (99 * UNIT, 100 * UNIT, -UNIT, -UNIT),
        (100 * UNIT, 100 * UNIT, 0, 0),
        (4 * UNIT, 3 * UNIT, UNIT, 33_333_333_333_333_333_333),
        (2 * UNIT, 3 * UNIT, -UNIT, -33_333_333_333_333_333_333),
        (5 * UNIT, 3 * UNIT, 2 * UNIT, 66_666_666_666_666_666_667),
        (200 * UNIT + 1, 200 * UNIT, 1, 0),  # half of the last digit: to the even one
        (200 * UNIT + 3, 200 * UNIT, 3, 2),
        (-2 * UNIT, -UNIT, -UNIT, 100 * UNIT),
    ],
)
def test_a_change_is_exact_and_its_percentage_rounded_half_to_even(
    last: int, first: int, difference: int, percent: int
) -> None:
    assert change(last, first) == (difference, percent)


def test_what_began_nowhere_or_at_zero_has_no_percentage() -> None:
    assert change(UNIT, None) == (None, None)
    assert change(UNIT, 0) == (UNIT, None)
