"""Whatever was traded: sums, averages and profile are what slow exact arithmetic makes of the same trades."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import reports
from analysis.profile import Width, profile
from bookmill.decimals import plain_text
from tests.unit.analysis.market import Market

_numbers = itertools.count()

PRICES = st.integers(1, 400).map(lambda ticks: ticks * 10**16)
QUANTITIES = st.integers(1, 10**24)
TRADES = st.lists(st.tuples(PRICES, QUANTITIES, st.sampled_from(["BUY", "SELL"])), min_size=1, max_size=40)


def cut(exact: Fraction) -> str:
    return plain_text(int(exact * 10**18))


def value_area(volumes: list[int]) -> range:
    """Places of the buckets that belong to it."""
    low = high = volumes.index(max(volumes))
    while 10 * sum(volumes[low : high + 1]) < 7 * sum(volumes):
        above = volumes[high + 1] if high + 1 < len(volumes) else -1
        below = volumes[low - 1] if low else -1
        if above >= below:
            high += 1
        else:
            low -= 1
    return range(low, high + 1)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades=TRADES, step=st.sampled_from([10**16, 7 * 10**16, 10**18, 25 * 10**17]))
def test_sums_averages_and_profile_are_exact(
    market: Market, trades: list[tuple[int, int, str]], step: int
) -> None:
    market = market.of("binance", f"S{next(_numbers)}-USDT")  # one of its own for each example
    market.traded(
        *(
            (place, plain_text(price), plain_text(quantity), side)
            for place, (price, quantity, side) in enumerate(trades)
        )
    )
    volume = sum(quantity for _, quantity, _ in trades)
    value = sum(price * quantity for price, quantity, _ in trades)
    [row] = market.ask(reports.trading, symbols=(market.symbol,))["instruments"]
    assert row["volume"] == plain_text(volume)
    assert row["vwap"] == cut(Fraction(value, volume) / 10**18)
    bought = sum(quantity for _, quantity, side in trades if side == "BUY")
    assert row["buy_volume"] == plain_text(bought)
    assert row["trade_imbalance"] == cut(Fraction(2 * bought - volume, volume))
    assert row["max_size"] == plain_text(max(quantity for _, quantity, _ in trades))

    by_price: dict[int, int] = {}
    for price, quantity, _ in trades:
        low = price // step * step
        by_price[low] = by_price.get(low, 0) + quantity
    found = market.ask(profile, Width(step=plain_text(step)), symbols=(market.symbol,))
    rows = found["buckets"]
    assert {row["low_price"]: row["volume"] for row in rows} == {
        plain_text(low): plain_text(quantity) for low, quantity in by_price.items()
    }
    volumes = [by_price[low] for low in sorted(by_price)]
    assert [place for place, row in enumerate(rows) if row["value_area"]] == list(value_area(volumes))
    assert [row["poc"] for row in rows].index(True) == volumes.index(max(volumes))
    assert sum(row["trades"] for row in rows) == len(trades)
