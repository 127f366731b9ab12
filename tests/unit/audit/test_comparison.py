"""What ClickHouse answers becomes counts by instrument; rows are looked at one by one only where sums differ."""

from __future__ import annotations

from typing import Any

from audit.comparison import Compared, compare
from audit.scope import Scope

BTC, ETH = ("binance", "spot", "BTC-USDT"), ("binance", "spot", "ETH-USDT")


class Store:
    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        self.answers = list(answers)
        self.queries: list[str] = []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        self.queries.append(query)
        return self.answers.pop(0)


def run(store: Store, cold: str = "0") -> list[Compared]:
    return compare(
        store,
        table="trades",
        real="m.trades",
        rebuilt="m.audit",
        columns=("trade_id", "price"),
        scope=Scope("(reach)", cold),
    )


def test_equal_sums_are_the_end_of_it() -> None:
    store = Store([(*BTC, 10, 10, 0), (*ETH, 5, 5, 0)])
    found = run(store)
    assert [one.instrument for one in found] == ["binance.spot.BTC-USDT", "binance.spot.ETH-USDT"]
    assert all(one.good for one in found)
    assert len(store.queries) == 1
    assert "sipHash64(tuple(trade_id, price))" in store.queries[0]


def test_where_sums_differ_rows_are_looked_at() -> None:
    store = Store([(*BTC, 10, 10, 1), (*ETH, 5, 5, 0)], [(*BTC, 1, 1, 2, 3, "raw.binance.spot/3/1/0")])
    btc, eth = run(store)
    assert (btc.missing, btc.double, btc.different, btc.extra) == (1, 1, 2, 3)
    assert btc.example == "raw.binance.spot/3/1/0"
    assert not btc.good
    assert eth.good


def test_what_cannot_be_compared_is_counted() -> None:
    store = Store([(*BTC, 10, 10, 0)], [(*ETH, 7)])
    btc, eth = run(store, cold="cold")
    assert (btc.not_comparable, eth.not_comparable) == (0, 7)
    assert "(reach) AND NOT (cold)" in store.queries[0]
    assert "WHERE (reach) AND cold" in store.queries[1]
