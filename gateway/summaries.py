"""The last 24 hours of each instrument: as its exchange sums them up, else counted from the trades that are stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bookmill.archive import Archive
from bookmill.decimals import scaled_int
from bookmill.errors import UnavailableError
from bookmill.questions import Selection
from gateway import views
from gateway.expressions import HAPPENED, PLACE
from gateway.forms import decimal_text
from gateway.instrument import Instrument
from schemas.fields import Event
from schemas.measures import change

__all__ = ["Summaries"]

_DAY_US = 86_400_000_000
_TICKER_US = 600_000_000
"""A ticker that old sums up another day than the last one."""
_REMEMBERED_S = 10.0
_FEW = 200
"""More symbols are not named one by one."""
_NOTHING: Mapping[str, Any] = {
    "last": None,
    "change": None,
    "change_percent": None,
    "high": None,
    "low": None,
    "volume": None,
    "quote_volume": None,
    "trades": None,
    "source": None,
    "covered_s": None,
}


class Summaries:
    """Trades are counted at most once in ten seconds, and only where an exchange does not say the figures itself."""

    def __init__(self, archive: Archive, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._archive = archive
        self._clock = clock
        self._lock = asyncio.Lock()
        self._counted: dict[str, Mapping[str, Any]] = {}
        self._asked: frozenset[str] = frozenset()
        self._until_s = 0.0

    async def of(
        self, instruments: Sequence[Instrument], now_us: int, stale_after_us: int
    ) -> list[dict[str, Any]]:
        """One each. Where ClickHouse does not answer, what has to be counted is null."""
        told = {each.key: _told(each.ticker, now_us) for each in instruments}
        silent = [each for each in instruments if told[each.key] is None]
        counted = await self._count(silent, now_us) if silent else {}
        return [
            _summary(each, told[each.key] or counted.get(each.key) or _NOTHING, now_us, stale_after_us)
            for each in instruments
        ]

    async def _count(
        self, instruments: Collection[Instrument], now_us: int
    ) -> Mapping[str, Mapping[str, Any]]:
        wanted = frozenset(each.key for each in instruments)
        async with self._lock:
            if self._clock() >= self._until_s or not wanted <= self._asked:
                try:
                    self._counted = await self._ask(instruments, now_us)
                except UnavailableError:
                    return {}
                self._asked = wanted
                self._until_s = self._clock() + _REMEMBERED_S
            return self._counted

    async def _ask(self, instruments: Collection[Instrument], now_us: int) -> dict[str, Mapping[str, Any]]:
        symbols = tuple(sorted({each.symbol for each in instruments}))
        selection = Selection(
            tuple(sorted({each.exchange for each in instruments})),
            tuple(sorted({each.market for each in instruments})),
            symbols if len(symbols) <= _FEW else (),
        )
        rows = await self._archive.rows(
            "SELECT concat(exchange, '.', market, '.', symbol) AS instrument, argMin(price, place) AS first,"  # noqa: S608  names of our own
            " argMax(price, place) AS last, max(price) AS high, min(price) AS low,"
            " sum(toDecimal256(quantity, 18)) AS volume, sum(notional) AS quote_volume, count() AS trades,"
            " toUnixTimestamp64Micro(min(at)) AS since_us FROM ("
            f"SELECT exchange, market, symbol, {HAPPENED} AS at, {PLACE} AS place, price, quantity, notional FROM trades"
            f" WHERE {selection.condition()} AND receive_time >= fromUnixTimestamp64Micro({{since:Int64}})"
            " AND at >= fromUnixTimestamp64Micro({since:Int64})) GROUP BY exchange, market, symbol",
            {**selection.parameters(), "since": max(0, now_us - _DAY_US)},
        )
        return {row["instrument"]: _counted(row, now_us) for row in rows}


def _summary(
    instrument: Instrument, figures: Mapping[str, Any], now_us: int, stale_after_us: int
) -> dict[str, Any]:
    price = views.price(instrument, now_us, stale_after_us) or {}
    return {
        "instrument": instrument.key,
        "exchange": instrument.exchange,
        "market": instrument.market,
        "symbol": instrument.symbol,
        **figures,
        "spread_bps": price.get("spread_bps"),
        "state": price.get("state"),
    }


def _told(ticker: Event | None, now_us: int) -> Mapping[str, Any] | None:
    """What the exchange says of the last 24 hours, where it has said it lately, and says how the price has changed."""
    if ticker is None or ticker["open_price"] is None or now_us - ticker["receive_time"] > _TICKER_US:
        return None
    return {
        "last": decimal_text(ticker["last_price"]),
        "change": decimal_text(ticker["price_change"]),
        "change_percent": decimal_text(ticker["price_change_percent"]),
        "high": decimal_text(ticker["high_price"]),
        "low": decimal_text(ticker["low_price"]),
        "volume": decimal_text(ticker["volume"]),
        "quote_volume": decimal_text(ticker["quote_volume"]),
        "trades": ticker["trades"],
        "source": "ticker",
        "covered_s": _DAY_US // 1_000_000,
    }


def _counted(row: Mapping[str, Any], now_us: int) -> Mapping[str, Any]:
    """From the trades that are stored; ``covered_s``: how far back they go."""
    difference, percent = change(scaled_int(row["last"]), scaled_int(row["first"]))
    return {
        "last": row["last"],
        "change": decimal_text(difference),
        "change_percent": decimal_text(percent),
        **{name: row[name] for name in ("high", "low", "volume", "quote_volume", "trades")},
        "source": "trades",
        "covered_s": max(0, now_us - row["since_us"]) // 1_000_000,
    }
