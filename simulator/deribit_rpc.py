"""Deribit's JSON-RPC: the envelope of every answer, its errors and credits, and the market data that can be asked for.

The same methods answer on a websocket and over GET (protocol page, section 9). Answers are composed as text, so that numbers
are written as the exchange writes them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.deribit_charts import RESOLUTIONS
from simulator.deribit_contracts import listing
from simulator.deribit_feed import DeribitFeed, Fill
from simulator.limits import Verdict

__all__ = ["CreditBudget", "Credits", "MarketData", "RpcError", "answer", "invalid"]

_MOST_TRADES = 1000
_MOST_LEVELS = 10_000


class RpcError(Exception):
    """A call is refused; the exchange's code, word and what it says beside them."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    @property
    def text(self) -> str:
        """As in an answer."""
        error = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return json.dumps(error, separators=(",", ":"))


def invalid(param: str, reason: str) -> RpcError:
    """A parameter that cannot be used."""
    return RpcError(-32602, "Invalid params", {"reason": reason, "param": param})


def answer(request_id: Any, result: str | RpcError) -> bytes:
    """A result (JSON text) or an error in its envelope; a call without an id has none in its answer."""
    now_us = time.time_ns() // 1000
    name, value = ("error", result.text) if isinstance(result, RpcError) else ("result", result)
    number = "" if request_id is None else f'"id":{json.dumps(request_id)},'
    return (
        f'{{"jsonrpc":"2.0",{number}"{name}":{value},"usIn":{now_us},"usOut":{now_us + 93},"usDiff":93,"testnet":false}}'
    ).encode()


class Credits:
    """A pool that fills by itself: calls cost credits, and one that finds too few is refused. Seconds are the caller's."""

    def __init__(self, most: float, refill_per_s: float) -> None:
        self._most = self._left = most
        self._refill_per_s = refill_per_s
        self._at_s: float | None = None

    def spend(self, cost: float, now_s: float) -> bool:
        """Whether there were enough; a refused call costs nothing."""
        since_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        self._left = min(self._most, self._left + since_s * self._refill_per_s)
        if self._left < cost:
            return False
        self._left -= cost
        return True


class CreditBudget:
    """What one address may call: 50,000 credits, of which 10,000 come back in a second of the exchange's clock."""

    def __init__(self, scale: float) -> None:
        self._credits = Credits(50_000, 10_000 * scale)
        self._used = 0

    def spend(self, weight: int, now_s: float) -> Verdict:
        """Whether a call of that cost is admitted."""
        if not self._credits.spend(weight, now_s):
            return Verdict(429, self._used, 1)
        self._used += weight
        return Verdict(200, self._used)


class MarketData:
    """The public methods. ``feeds`` are the contracts by wire symbol, as long as they are played."""

    def __init__(self, feeds: Mapping[str, DeribitFeed]) -> None:
        self._feeds = feeds
        self._methods: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "public/get_instruments": self._instruments,
            "public/get_order_book": self._order_book,
            "public/get_last_trades_by_instrument": self._last_trades,
            "public/get_last_trades_by_instrument_and_time": self._trades_between,
            "public/get_tradingview_chart_data": self._chart,
            "public/ticker": lambda params: f"{{{self.feed(params).ticker()}}}",
            "public/get_time": lambda _: str(time.time_ns() // 1_000_000),
            "public/test": lambda _: '{"version":"1.2.26"}',
        }

    def call(self, method: str, params: Mapping[str, Any]) -> str:
        """The result, as JSON; raises :class:`RpcError`."""
        if method in self._methods:
            return self._methods[method](params)
        if method.startswith("private/"):
            raise RpcError(13009, "unauthorized", {"reason": "missing_access_token"})
        raise RpcError(-32601, "Method not found")

    def feed(self, params: Mapping[str, Any]) -> DeribitFeed:
        """The contract that a call is about."""
        wire = params.get("instrument_name")
        if not isinstance(wire, str):
            raise invalid("instrument_name", "is required")
        if wire not in self._feeds:
            raise RpcError(13020, "not_found", {"reason": "instrument not found"})
        return self._feeds[wire]

    @staticmethod
    def depth(params: Mapping[str, Any]) -> int:
        """Levels a side; five where it is not said."""
        return _whole(params, "depth", 5, 1, _MOST_LEVELS)

    def _instruments(self, params: Mapping[str, Any]) -> str:
        currency = params.get("currency")
        if not isinstance(currency, str):
            raise invalid("currency", "is required")
        kind, expired = params.get("kind"), str(params.get("expired", "false")).lower()
        found = [
            listing(feed.contract, feed.instrument, place)
            for place, feed in enumerate(self._feeds.values())
            if currency in ("any", feed.contract.settle)
            and kind in (None, "option" if feed.contract.market == "option" else "future")
            and expired == "false"
        ]
        return f"[{','.join(found)}]"

    def _order_book(self, params: Mapping[str, Any]) -> str:
        feed, depth = self.feed(params), self.depth(params)
        truth = feed.truth()
        return f"{{{feed.order_book(truth.update_id, truth.bids[:depth], truth.asks[:depth])}}}"

    def _last_trades(self, params: Mapping[str, Any]) -> str:
        """From ``start_seq`` on, else the last ones; oldest first."""
        fills, count = self.feed(params).fills, _whole(params, "count", 10, 1, _MOST_TRADES)
        first, last = (_whole(params, name, 0, 0, 1 << 62) for name in ("start_seq", "end_seq"))
        found = [fill for fill in fills if fill.seq >= first and (not last or fill.seq <= last)]
        return _told(found, count, params, from_first=first > 0)

    def _trades_between(self, params: Mapping[str, Any]) -> str:
        """Between two times, both included: the first of them where they are sorted upwards."""
        fills, count = self.feed(params).fills, _whole(params, "count", 10, 1, _MOST_TRADES)
        start_ms, end_ms = (
            _whole(params, name, None, 0, 1 << 62) for name in ("start_timestamp", "end_timestamp")
        )
        found = [fill for fill in fills if start_ms <= fill.time_ms <= end_ms]
        return _told(found, count, params, from_first=params.get("sorting") == "asc")

    def _chart(self, params: Mapping[str, Any]) -> str:
        """Columns, one entry for each candle."""
        feed, resolution = self.feed(params), str(params.get("resolution"))
        if resolution not in RESOLUTIONS:
            raise invalid("resolution", "unsupported resolution")
        start_ms, end_ms = (
            _whole(params, name, None, 0, 1 << 62) for name in ("start_timestamp", "end_timestamp")
        )
        candles = feed.charts.between(start_ms, end_ms, RESOLUTIONS[resolution])
        columns = {"ticks": [str(candle.start_ms) for candle in candles], **feed.columns(candles)}
        texts = ",".join(f'"{name}":[{",".join(values)}]' for name, values in columns.items())
        return f'{{"status":"{"ok" if candles else "no_data"}",{texts}}}'


def _told(found: Sequence[Fill], count: int, params: Mapping[str, Any], *, from_first: bool) -> str:
    """So many of the trades, from the first or up to the last of them; oldest first unless ``sorting`` says ``desc``."""
    sorting = params.get("sorting", "default")
    if sorting not in ("asc", "desc", "default"):
        raise invalid("sorting", "must be asc, desc or default")
    shown = found[:count] if from_first else found[-count:]
    more = "true" if len(found) > len(shown) else "false"
    texts = [fill.text for fill in (reversed(shown) if sorting == "desc" else shown)]
    return f'{{"trades":[{",".join(texts)}],"has_more":{more}}}'


def _whole(params: Mapping[str, Any], name: str, usual: int | None, least: int, most: int) -> int:
    """A whole number, which GET brings as text; raises :class:`RpcError`."""
    value = params.get(name, usual)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(name, "is required" if value is None else f"must be from {least} to {most}")
    return value
