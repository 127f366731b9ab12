"""Numbers of trades that are missing in ClickHouse and that no gap of the ledger names, where a venue's trade ids count by one.

Events that are what the raw log gives can still lack what never came; the ledger must say so. A number before another one counts
as missing only if the trade with the lower number came first: exchanges that begin to count anew leave no hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from audit.scope import Scope, quoted
from audit.spans import Market
from bookmill.settings import Settings
from venues.registry import venue

__all__ = ["Untold", "counting", "untold"]


class _Store(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class Untold:
    """``trades`` numbers are missing, in ``holes``, from ``first`` on."""

    instrument: str
    holes: int
    trades: int
    first: int


def counting(settings: Settings, markets: Iterable[Market]) -> list[Market]:
    """Those of the markets whose trade ids count by one."""
    return [
        (exchange, market)
        for exchange, market in markets
        if venue(exchange, market, chosen=settings.exchanges[exchange][market]).trade_sequence == "ids"
    ]


def untold(store: _Store, *, trades: str, gaps: str, scope: Scope, markets: Iterable[Market]) -> list[Untold]:
    """By instrument. ``trades`` and ``gaps`` are full table names, ``scope`` that of trades."""
    where = " OR ".join(
        f"(exchange = {quoted(exchange)} AND market = {quoted(market)})" for exchange, market in markets
    )
    if not where:
        return []
    instrument = "exchange, market, symbol"
    numbered = (
        f"SELECT {instrument}, toInt64OrZero(trade_id) AS number, (source_offset, source_index) AS place,"
        " lagInFrame(number, 1, number) OVER ordered AS before, lagInFrame(place, 1, place) OVER ordered AS place_before"
        f" FROM {trades} WHERE ({where}) AND {scope.compared}"
        f" WINDOW ordered AS (PARTITION BY {instrument}, aggregated ORDER BY number, source_offset, source_index"
        " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    )
    ledger = (
        f"SELECT {instrument}, groupUniqArray((assumeNotNull(first_trade_id), assumeNotNull(last_trade_id))) AS told"
        f" FROM {gaps} WHERE stream = 'trades' AND first_trade_id IS NOT NULL GROUP BY {instrument}"
    )
    told = "arraySum(gap -> greatest(0, least(gap.2, number - 1) - greatest(gap.1, before + 1) + 1), told)"
    return [
        Untold(f"{exchange}.{market}.{symbol}", holes, missing, first)
        for exchange, market, symbol, holes, missing, first in store.rows(
            f"SELECT {instrument}, count(), sum(number - before - 1), min(before + 1)"
            f" FROM ({numbered}) AS numbered LEFT JOIN ({ledger}) AS ledger USING ({instrument})"
            f" WHERE number > before + 1 AND place_before < place AND {told} < number - before - 1"
            f" GROUP BY {instrument} ORDER BY {instrument}"
        )
    ]
