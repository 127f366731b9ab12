"""A market whose events are written straight into tables of ClickHouse, so that what must come of them is reckoned by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx2

from analysis.question import Question, micros
from bookmill.archive import Archive
from bookmill.settings import ClickHouseSettings

__all__ = ["START", "Market", "at"]

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
_T = TypeVar("_T")


def at(second: float) -> str:
    """So many seconds after :data:`START`, as ClickHouse reads it."""
    return f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S.%f}"


@dataclass
class Market:
    """Writes rows; source offsets grow from row to row."""

    url: str
    database: str
    exchange: str = "binance"
    market: str = "spot"
    symbol: str = "BTC-USDT"
    written: int = 0
    tables: set[str] = field(default_factory=set)

    @property
    def settings(self) -> ClickHouseSettings:
        return ClickHouseSettings(url=self.url, database=self.database)

    def of(self, exchange: str, symbol: str = "BTC-USDT", market: str = "spot") -> Market:
        """Another instrument in the same tables."""
        return Market(self.url, self.database, exchange, market, symbol, tables=self.tables)

    def clear(self) -> None:
        """Nothing is there any more."""
        while self.tables:
            self._send(f"TRUNCATE TABLE {self.database}.{self.tables.pop()}")

    def write(self, table: str, *rows: dict[str, Any]) -> None:
        """Events."""
        told = []
        for row in rows:
            self.written += 1
            source = {"source": "ws", "source_topic": f"raw.{self.exchange}.{self.market}"}
            told.append({**source, "source_offset": self.written, **row})
        self._insert(table, *told)

    def _insert(self, table: str, *rows: dict[str, Any]) -> None:
        named = {"exchange": self.exchange, "market": self.market, "symbol": self.symbol}
        lines = [json.dumps({**named, **row}) for row in rows]
        self.tables.add(table)
        self._send(f"INSERT INTO {self.database}.{table} FORMAT JSONEachRow\n" + "\n".join(lines))

    def _send(self, statement: str) -> None:
        answer = httpx2.post(self.url, content=statement.encode(), timeout=60)
        assert answer.status_code == 200, answer.text

    def traded(self, *trades: tuple[float, str, str, str], **more: Any) -> None:
        """Second, price, quantity and side of each."""
        self.write(
            "trades",
            *(
                {
                    "trade_id": str(self.written + place),
                    "price": price,
                    "quantity": quantity,
                    "side": side,
                    "receive_time": at(second),
                    **more,
                }
                for place, (second, price, quantity, side) in enumerate(trades)
            ),
        )

    def quoted(self, *tops: tuple[float, str, str, str, str], **more: Any) -> None:
        """Second, bid, its quantity, ask and its quantity of each."""
        rows = []
        for second, bid, bid_quantity, ask, ask_quantity in tops:
            mid = (Decimal(bid) + Decimal(ask)) / 2
            spread = Decimal(ask) - Decimal(bid)
            rows.append(
                {
                    "origin": "book",
                    "state": "live",
                    "bid_price": bid,
                    "bid_quantity": bid_quantity,
                    "ask_price": ask,
                    "ask_quantity": ask_quantity,
                    "mid": str(mid),
                    "spread": str(spread),
                    "spread_bps": str(round(spread / mid * 10_000, 18)),
                    "receive_time": at(second),
                    **more,
                }
            )
        self.write("spreads", *rows)

    def alive(self, *seconds: float) -> None:
        """Snapshots of the book, which has not changed."""
        self.write("book_snapshots", *({"state": "live", "receive_time": at(second)} for second in seconds))

    def lost(self, second: float, closed: float | None = None, **more: Any) -> None:
        """A gap of the book."""
        given = {
            "gap": f"{self.written}",
            "stream": "book",
            "cause": "sequence",
            "opened_time": at(second),
            **more,
        }
        self.write("gaps", {**given, "phase": "opened", "receive_time": at(second + 0.1)})
        if closed is not None:
            end = {"phase": "closed", "closed_time": at(closed), "receive_time": at(closed)}
            self.write("gaps", {**given, **end})

    def listed(self, tick: str, second: float) -> None:
        """What the exchange says of the instrument."""
        self._insert("instruments", {"tick": tick, "seen_time": at(second)})

    def ask(
        self,
        report: Callable[..., Coroutine[Any, Any, _T]],
        *more: Any,
        since: float = 0,
        until: float = 86_400,
        **names: tuple[str, ...],
    ) -> _T:
        """A report of the range in seconds after :data:`START`."""

        async def asked() -> _T:
            async with Archive(self.settings, self.url, timeout_s=60) as archive:
                return await report(archive, self.question(since, until, **names), *more)

        return asyncio.run(asked())

    @staticmethod
    def question(since: float = 0, until: float = 86_400, **names: tuple[str, ...]) -> Question:
        """The range, as reports take it."""
        return Question(
            micros(START + timedelta(seconds=since)), micros(START + timedelta(seconds=until)), **names
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What SQL of one's own gives."""

        async def asked() -> Any:
            async with Archive(self.settings, self.url, timeout_s=60) as archive:
                return await archive.rows(query)

        found: list[dict[str, Any]] = asyncio.run(asked())
        return found
