"""Hints for names that are not known."""

from __future__ import annotations

import difflib
import random

from gateway.nearest import nearest

NAMES = [
    f"{base}-{quote}"
    for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE")
    for quote in ("USDT", "USDC", "EUR")
]
MANY = [
    f"BTC-USD-{day}NOV26-{strike}-{side}"
    for day in range(1, 30)
    for strike in range(10_000, 90_000, 1000)
    for side in "CP"
]


def test_the_nearest_is_named_or_all_where_they_are_few() -> None:
    assert nearest("BTC-USDTT", NAMES) == "Did you mean BTC-USDT or BTC-USDC or ETH-USDT?"
    assert nearest("zzz", ["binance", "okx"]) == "Known: binance, okx."
    assert nearest("zzz", NAMES) == ""
    assert nearest("zzz", []) == ""


def test_of_thousands_the_nearest_is_found_as_if_all_were_compared() -> None:
    draw = random.Random(5)
    for _ in range(4):
        name = draw.choice(MANY)
        at = draw.randrange(len(name))
        typed = name[:at] + draw.choice(["", "X"]) + name[at + 1 :]
        [best] = difflib.get_close_matches(typed, MANY, n=1, cutoff=0.6)
        said = nearest(typed, MANY).removeprefix("Did you mean ").split(" or ")[0].rstrip("?")
        matcher = difflib.SequenceMatcher(b=typed)
        ratios = []
        for each in (best, said):
            matcher.set_seq1(each)
            ratios.append(matcher.ratio())
        assert ratios[0] == ratios[1], (typed, best, said)
