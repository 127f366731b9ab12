"""Bybit's REST answers (``/v5/market/…``): all are HTTP 200 in one envelope, except 403 for an address that asks too much.

The texts of refused parameters are ours: the documents give the code (10001) and examples only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from simulator.bybit_feed import BybitFeed
from simulator.bybit_figures import INTERVALS
from simulator.bybit_listing import listing
from simulator.bybit_wire import Market
from simulator.faults import RestFault, RestFaults
from simulator.feed import Truth
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["BybitRest", "book_result"]

_PREFIX = "/v5/market/"
_CALLS, _CALLS_WINDOW_S, _BAN_S = 600, 5.0, 600.0
_BAD_PARAMETER = 10_001
_DEFAULT_LISTED, _MOST_LISTED = 500, 1000
_INTEREST_INTERVALS = ("5min", "15min", "30min", "1h", "4h", "1d")

Limits = tuple[int, int]
"""Default and most."""


class _RefusedCallError(Exception):
    """Answered with a ``retCode`` that is not 0."""

    def __init__(self, text: str, code: int = _BAD_PARAMETER) -> None:
        super().__init__(text)
        self.code = code


class BybitRest:
    """Answers calls and counts each address's. ``scale`` shortens the seconds."""

    def __init__(self, market: Market, feeds: Mapping[str, BybitFeed], *, scale: float) -> None:
        spot = market == "spot"
        self._market = market
        self._feeds = feeds
        self._scale = scale
        self._windows: dict[str, RollingWindow] = {}
        self._banned_until_s: dict[str, float] = {}
        self._book_limits: Limits = (1 if spot else 25, 1000)
        self._trade_limits: Limits = (60, 60) if spot else (500, 1000)
        self._counts = {"calls": 0, "snapshots": 0, "refused_403": 0, "faults": 0}
        self._calls: dict[str, Callable[[Request], Any]] = {
            "instruments-info": self._instruments,
            "recent-trade": self._recent_trades,
            "tickers": self._tickers,
            "kline": self._klines,
        }
        if not spot:
            self._calls["open-interest"] = self._open_interest

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots and refusals so far."""
        return dict(self._counts)

    async def answer(self, request: Request, faults: RestFaults) -> Response:
        """One call."""
        self._counts["calls"] += 1
        name = request.path.removeprefix(_PREFIX)
        if request.path == name or request.method != "GET" or name not in {*self._calls, "orderbook"}:
            return Response(404, b"", {"Content-Type": "text/plain"})
        if not self._admit(request.peer):
            self._counts["refused_403"] += 1
            return Response(403, b"access too frequent", {"Content-Type": "text/plain"})
        try:
            self._check_category(request)
            if name == "orderbook":
                return await self._orderbook(request, faults)
            return _enveloped(self._calls[name](request))
        except _RefusedCallError as refusal:
            return _enveloped({}, refusal.code, str(refusal))

    def _check_category(self, request: Request) -> None:
        if request.query.get("category") != self._market:
            raise _RefusedCallError("params error: category invalid")

    def _admit(self, peer: str) -> bool:
        """600 calls in 5 s; one more, and the address is banned for 10 minutes."""
        now_s = time.monotonic()
        if now_s < self._banned_until_s.get(peer, 0.0):
            return False
        window = self._windows.setdefault(peer, RollingWindow(_CALLS, _CALLS_WINDOW_S / self._scale))
        if window.admit(now_s):
            return True
        self._banned_until_s[peer] = now_s + _BAN_S / self._scale
        return False

    async def _orderbook(self, request: Request, faults: RestFaults) -> Response:
        """The book as the 1000-level stream has published it last, whose ``u`` it carries."""
        feed, limit = self._feed(request), _limit(request, self._book_limits)
        truth = feed.books.truth()
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status != 200:
            return Response(fault.status, b"access too frequent", {"Content-Type": "text/plain"})
        u = feed.books.deepest.batches.last
        if fault.content == "stale":
            u = 1
        if fault.content == "empty":
            truth = Truth(u, [], [], 0, 0)
        result = book_result(feed, truth, u, limit, feed.books.now_ms)
        self._counts["snapshots"] += 1
        await asyncio.sleep(fault.delay_s)
        return _enveloped(result)

    def _instruments(self, request: Request) -> dict[str, Any]:
        """Contracts come in pages of at most 1000, spot at once."""
        offset_text = request.query.get("cursor") or "0"
        if not offset_text.isdecimal():
            raise _RefusedCallError("params error: cursor invalid")
        limit, offset = _limit(request, (_DEFAULT_LISTED, _MOST_LISTED)), int(offset_text)
        feeds = list(self._feeds.values())
        if "symbol" in request.query:
            feeds = [self._feed(request)]
        if "baseCoin" in request.query:
            feeds = [feed for feed in feeds if feed.wire.instrument.base == request.query["baseCoin"]]
        listed = [listing(feed.wire) for feed in feeds]
        if self._market == "spot":
            return {"category": self._market, "list": listed}
        cursor = str(offset + limit) if offset + limit < len(listed) else ""
        return {
            "category": self._market,
            "list": listed[offset : offset + limit],
            "nextPageCursor": cursor,
        }

    def _recent_trades(self, request: Request) -> dict[str, Any]:
        """The newest first; there are no older pages."""
        feed, limit = self._feed(request), _limit(request, self._trade_limits)
        trades = [
            {
                "execId": feed.tape.trade_id(trade),
                "symbol": feed.wire.name,
                "price": feed.wire.price(trade.price),
                "size": feed.wire.quantity(trade.lots),
                "side": "Sell" if trade.seller_aggressed else "Buy",
                "time": str(time_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(seq),
            }
            for trade, time_ms, seq in list(feed.tape.recent)[: -limit - 1 : -1]
        ]
        return {"category": self._market, "list": trades}

    def _tickers(self, request: Request) -> dict[str, Any]:
        feeds = [self._feed(request)] if "symbol" in request.query else self._feeds.values()
        return {
            "category": self._market,
            "list": [feed.tickers.fields for feed in feeds if feed.tickers.fields],
        }

    def _klines(self, request: Request) -> dict[str, Any]:
        """The newest first, from ``start`` to ``end`` where they are given."""
        feed, limit = self._feed(request), _limit(request, (200, 1000))
        interval = request.query.get("interval", "")
        if interval not in INTERVALS:
            raise _RefusedCallError("params error: interval invalid")
        start_ms, end_ms = _time(request, "start", 0), _time(request, "end", 1 << 62)
        bars = [bar for bar in feed.klines.bars(interval) if start_ms <= bar.start_ms <= end_ms]
        rows = [feed.klines.row(bar) for bar in bars[:limit]]
        return {"category": self._market, "symbol": feed.wire.name, "list": rows}

    def _open_interest(self, request: Request) -> dict[str, Any]:
        """What is open now, as if it had been so at the last full interval: the synthetic market keeps no history of it."""
        feed = self._feed(request)
        _limit(request, (50, 200))
        interval = request.query.get("intervalTime", "")
        if interval not in _INTEREST_INTERVALS:
            raise _RefusedCallError("params error: intervalTime invalid")
        time_ms = feed.books.now_ms
        rows = [
            {"openInterest": text, "timestamp": str(time_ms - time_ms % 300_000)}
            for text in [feed.tickers.fields.get("openInterest")]
            if text
        ]
        return {"category": self._market, "symbol": feed.wire.name, "list": rows, "nextPageCursor": ""}

    def _feed(self, request: Request) -> BybitFeed:
        """Of the symbol in the call; its case matters."""
        feed = self._feeds.get(request.query.get("symbol", ""))
        if feed is None:
            raise _RefusedCallError("params error: symbol invalid")
        return feed


def book_result(feed: BybitFeed, truth: Truth, u: int, limit: int, time_ms: int) -> dict[str, Any]:
    """An order book as REST has it."""
    wire = feed.wire
    bids, asks = (
        [[wire.price(price), wire.quantity(lots)] for price, lots in side[:limit]]
        for side in (truth.bids, truth.asks)
    )
    return {
        "s": wire.name,
        "b": bids,
        "a": asks,
        "ts": time_ms + 2,
        "u": u,
        "seq": feed.tape.seq,
        "cts": time_ms,
    }


def _limit(request: Request, limits: Limits) -> int:
    """Above the most is the most."""
    text = request.query.get("limit", str(limits[0]))
    if not text.isdecimal() or not int(text):
        raise _RefusedCallError("params error: limit invalid")
    return min(int(text), limits[1])


def _time(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal():
        raise _RefusedCallError(f"params error: {name} invalid")
    return int(text)


def _enveloped(result: Any, code: int = 0, text: str = "OK") -> Response:
    body = {
        "retCode": code,
        "retMsg": text,
        "result": result,
        "retExtInfo": {},
        "time": time.time_ns() // 1_000_000,
    }
    return Response(200, json.dumps(body, separators=(",", ":")).encode())
