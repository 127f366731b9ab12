"""Binance's REST answers about trades, bars, the day and contracts, from what a synthetic instrument's feed remembers.

Forms and limits: protocol page, sections 3.4, 4.3 and 4.5, and the exchange's own pages of these calls. Bars are made up to a day
long, since the market is no older; what a call asks for beyond that is refused as an unknown interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.binance_feed import BinanceFeed
from simulator.binance_history import Fill, Minute
from simulator.binance_listing import contract_type
from simulator.binance_names import (
    Market,
    contract_size,
    decimal_text,
    pair,
    percent,
    signed_text,
    wire_symbol,
)
from simulator.rest import now_ms

__all__ = ["BadParameterError", "Queries", "integer"]

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_INTERVALS = {
    **{f"{minutes}m": minutes for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * 60 for hours in (1, 2, 4, 6, 8, 12)},
    "1d": 24 * 60,
}


class BadParameterError(Exception):
    """The exchange's error code and text, and the HTTP status they come with."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def integer(query: Mapping[str, str], name: str, usual: int) -> int:
    """A parameter that has to be a whole number; raises :class:`BadParameterError`."""
    text = query.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise BadParameterError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
    return int(text)


class Queries:
    """The answers of one market; each takes an instrument's feed and the call's parameters, and returns what JSON is made of."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def trades(self, feed: BinanceFeed, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The latest, or those from ``fromId`` on; oldest first."""
        return self._trades(feed, query, 1000)

    def historical_trades(self, feed: BinanceFeed, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The same, on futures no more than 500 of them."""
        return self._trades(feed, query, 1000 if self._market == "spot" else 500)

    def _trades(self, feed: BinanceFeed, query: Mapping[str, str], most: int) -> list[dict[str, Any]]:
        limit = self._limit(query, most)
        fills = list(feed.history.fills)
        if "fromId" in query:
            first = integer(query, "fromId", 0)
            fills = [fill for fill in fills if fill.trade_id >= first][:limit]
        return [self._trade(feed, fill) for fill in fills[-limit:]]

    def _trade(self, feed: BinanceFeed, fill: Fill) -> dict[str, Any]:
        worth = decimal_text(feed.history.worth_of(fill.price, fill.lots), 8, 8)
        return {
            "id": fill.trade_id,
            "price": feed.seconds.price(fill.price),
            "qty": feed.seconds.quantity(fill.lots),
            "baseQty" if self._market == "coinm" else "quoteQty": worth,
            "time": fill.time_ms,
            "isBuyerMaker": fill.seller_aggressed,
            **({"isBestMatch": True} if self._market == "spot" else {}),
        }

    def agg_trades(self, feed: BinanceFeed, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The latest; or the first from ``fromId``, or from ``startTime`` to ``endTime``, both inclusive."""
        limit = self._limit(query, 1000)
        found = list(feed.history.aggregates)
        if "fromId" in query:
            first = integer(query, "fromId", 0)
            found = [each for each in found if each.aggregate_id >= first][:limit]
        elif "startTime" in query or "endTime" in query:
            start, end = integer(query, "startTime", 0), integer(query, "endTime", now_ms())
            found = [each for each in found if start <= each.time_ms <= end]
            found = found[:limit] if "startTime" in query else found
        return [
            {
                "a": each.aggregate_id,
                "p": feed.seconds.price(each.price),
                "q": feed.seconds.quantity(each.lots),
                **({"nq": feed.seconds.quantity(each.lots)} if self._market == "usdm" else {}),
                "f": each.first_id,
                "l": each.last_id,
                "T": each.time_ms,
                "m": each.seller_aggressed,
                **({"M": True} if self._market == "spot" else {}),
            }
            for each in found[-limit:]
        ]

    def klines(self, feed: BinanceFeed, query: Mapping[str, str]) -> list[list[Any]]:
        """Bars from ``startTime`` to ``endTime``, the latest ``limit`` without; the last is the one at hand."""
        limit = self._limit(query, 1000 if self._market == "spot" else 1500)
        interval = query.get("interval")
        if not interval:
            raise BadParameterError(
                -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed."
            )
        if interval not in _INTERVALS:
            raise BadParameterError(-1120, "Invalid interval.")
        start, end = integer(query, "startTime", 0), integer(query, "endTime", now_ms())
        span_ms = _INTERVALS[interval] * _MINUTE_MS
        rows = [row for row in self._rows(feed, span_ms) if start <= row[0] <= end]
        return rows[:limit] if "startTime" in query else rows[-limit:]

    def _rows(self, feed: BinanceFeed, span_ms: int) -> Iterator[list[Any]]:
        history = feed.history
        minutes = [*history.minutes]
        if history.running.bar is not None and not history.running.bar.closed:
            minutes.append(history.running)
        group: list[Minute] = []
        for minute in minutes:
            if group and _start(minute) // span_ms != _start(group[0]) // span_ms:
                yield self._row(feed, group, span_ms)
                group = []
            group.append(minute)
        if group:
            yield self._row(feed, group, span_ms)

    @staticmethod
    def _row(feed: BinanceFeed, group: list[Minute], span_ms: int) -> list[Any]:
        price, quantity = feed.seconds.price, feed.seconds.quantity
        bars = [minute.bar for minute in group if minute.bar is not None]
        start_ms = bars[0].start_ms // span_ms * span_ms
        return [
            start_ms,
            price(bars[0].open),
            price(max(bar.high for bar in bars)),
            price(min(bar.low for bar in bars)),
            price(bars[-1].close),
            quantity(sum(bar.volume_lots for bar in bars)),
            start_ms + span_ms - 1,
            decimal_text(sum(minute.worth for minute in group), 8, 8),
            sum(bar.trades for bar in bars),
            quantity(sum(minute.bought_lots for minute in group)),
            decimal_text(sum(minute.bought_worth for minute in group), 8, 8),
            "0",
        ]

    def ticker(self, feed: BinanceFeed, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002  one form
        """``ticker/24hr``; an instrument that did not trade yet stands where it began."""
        history, seconds, time_ms = feed.history, feed.seconds, now_ms()
        price, quantity = seconds.price, seconds.quantity
        bid, ask = feed.best()
        latest, day = history.latest, history.day
        opened = day.open if day else feed.instrument.start_price
        last = day.last if day else opened
        spot = {
            "bidPrice": price(bid[0]),
            "bidQty": quantity(bid[1]),
            "askPrice": price(ask[0]),
            "askQty": quantity(ask[1]),
        }
        return {
            **self._names(feed),
            "priceChange": signed_text(
                last - opened, feed.instrument.price_decimals, len(price(0).partition(".")[2])
            ),
            "priceChangePercent": percent(last - opened, opened),
            "weightedAvgPrice": seconds.average(day) if day else price(opened),
            **({"prevClosePrice": price(opened)} if self._market == "spot" else {}),
            "lastPrice": price(last),
            "lastQty": quantity(latest.lots if latest else 0),
            **(spot if self._market == "spot" else {}),
            "openPrice": price(opened),
            "highPrice": price(day.high if day else opened),
            "lowPrice": price(day.low if day else opened),
            "volume": quantity(day.volume_lots if day else 0),
            "baseVolume" if self._market == "coinm" else "quoteVolume": decimal_text(history.worth, 8, 8),
            "openTime": time_ms - _DAY_MS,
            "closeTime": time_ms,
            "firstId": history.first_id,
            "lastId": latest.trade_id if latest else -1,
            "count": day.trades if day else 0,
        }

    def open_interest(self, feed: BinanceFeed, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002  one form
        """``openInterest``, in the market's own unit of quantity."""
        kind = {"contractType": contract_type(feed.instrument)} if self._market == "coinm" else {}
        return {
            **self._names(feed),
            "openInterest": feed.seconds.quantity(feed.seconds.derivatives.open_interest),
            **kind,
            "time": now_ms(),
        }

    def premium_index(self, feed: BinanceFeed, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002  one form
        """``premiumIndex``: mark and index price, funding; none of that for a contract with a date."""
        derivatives, time_ms = feed.seconds.derivatives, now_ms()
        perpetual = contract_type(feed.instrument) == "PERPETUAL"
        index = decimal_text(derivatives.index, 8, 8)
        return {
            **self._names(feed),
            "markPrice": decimal_text(derivatives.mark, 8, 8),
            "indexPrice": index,
            "estimatedSettlePrice": index,
            "lastFundingRate": signed_text(derivatives.funding_rate, 8, 8) if perpetual else "",
            "interestRate": "0.00010000" if perpetual else "",
            "nextFundingTime": derivatives.next_funding_ms(time_ms) if perpetual else 0,
            "time": time_ms,
        }

    def _names(self, feed: BinanceFeed) -> dict[str, str]:
        names = {"symbol": wire_symbol(self._market, feed.instrument.symbol)}
        return (
            {**names, "pair": pair(feed.instrument)}
            if contract_size(self._market, feed.instrument)
            else names
        )

    @staticmethod
    def _limit(query: Mapping[str, str], most: int) -> int:
        limit = integer(query, "limit", 500)
        if limit < 1:
            raise BadParameterError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, most)


def _start(minute: Minute) -> int:
    return minute.bar.start_ms if minute.bar else 0
