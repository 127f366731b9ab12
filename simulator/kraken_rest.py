"""Kraken's public REST calls. Errors are answers like any other: status 200, their names in ``error``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from simulator.dialect import Books
from simulator.faults import RestFault, RestFaults
from simulator.kraken_feed import Exchange, KrakenFeed
from simulator.kraken_figures import INTERVALS
from simulator.kraken_text import (
    Numerals,
    alternative_name,
    asset_name,
    clock_text,
    pair_name,
    websocket_name,
)
from simulator.limits import RollingWindow
from simulator.web import Request, Response

__all__ = ["KrakenRest"]

_PREFIX = "/0/public/"
_CALLS, _WINDOW_S = 15, 15.0
"""About one a second, with some patience."""
_MOST_LEVELS, _USUAL_LEVELS = 500, 100
_MOST_TRADES = 1000
_NANOS_A_MS = 1_000_000


class _RefusedError(Exception):
    """The call is answered with this error."""


class KrakenRest:
    """Answers calls and counts those of each client address. ``scale`` shortens the window."""

    def __init__(self, exchange: Exchange, *, scale: float) -> None:
        self._exchange = exchange
        self._scale = scale
        self._windows: dict[str, RollingWindow] = {}
        self._counts = {"calls": 0, "snapshots": 0, "refused_rate": 0, "faults": 0}

    def counts(self) -> dict[str, int]:
        """Calls, books given, refusals so far."""
        return dict(self._counts)

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        self._counts["calls"] += 1
        calls: dict[str, Callable[[Request], Any]] = {
            "Time": _time,
            "SystemStatus": self._system_status,
            "AssetPairs": self._asset_pairs,
            "Ticker": self._ticker,
            "OHLC": self._candles,
            "Trades": self._trades,
        }
        name = request.path.removeprefix(_PREFIX)
        try:
            self._admit(request, known=request.path != name and name in {*calls, "Depth"})
            if name == "Depth":
                return await self._depth(request, books, faults)
            return _json({"error": [], "result": calls[name](request)})
        except _RefusedError as refusal:
            return _json({"error": [str(refusal)]})

    def _admit(self, request: Request, *, known: bool) -> None:
        if not known:
            raise _RefusedError("EGeneral:Unknown method")
        window = self._windows.setdefault(request.peer, RollingWindow(_CALLS, _WINDOW_S / self._scale))
        if not window.admit(time.monotonic()):
            self._counts["refused_rate"] += 1
            raise _RefusedError("EAPI:Rate limit exceeded")

    async def _depth(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """Levels with the second of their last change; nothing joins them to the stream."""
        name, feed = self._pair(request)
        count = min(max(_number(request, "count", _USUAL_LEVELS), 1), _MOST_LEVELS)
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status != 200:
            headers = {"Retry-After": str(fault.retry_after_s)} if fault.status == 429 else {}
            return Response(fault.status, b"", headers)
        book = json.loads(books[feed.wire].snapshot(count, time.time_ns() // _NANOS_A_MS))
        if fault.content == "empty":
            book = {"asks": [], "bids": []}
        self._counts["snapshots"] += 1
        await asyncio.sleep(fault.delay_s)
        return _json({"error": [], "result": {name: book}})

    def _system_status(self, request: Request) -> dict[str, Any]:  # noqa: ARG002  it asks for nothing
        return {"status": self._exchange.system, "timestamp": clock_text(time.time_ns() // 1000)}

    def _asset_pairs(self, request: Request) -> dict[str, Any]:
        feeds = (feed for _, feed in self._pairs(request)) if "pair" in request.query else self._all()
        return {_name(feed): _listing(feed) for feed in feeds}

    def _ticker(self, request: Request) -> dict[str, Any]:
        asked = (
            self._pairs(request) if "pair" in request.query else [(_name(feed), feed) for feed in self._all()]
        )
        return {name: _figures(feed) for name, feed in asked}

    def _candles(self, request: Request) -> dict[str, Any]:
        """At most 720 bars, the last one at hand; ``last`` is the newest that is closed."""
        name, feed = self._pair(request)
        minutes = _number(request, "interval", INTERVALS[0])
        if minutes not in INTERVALS:
            raise _RefusedError("EGeneral:Invalid arguments:interval")
        since = _number(request, "since", 0)
        bars = list(feed.figures.candles[minutes]) or [feed.figures.flat(minutes, feed.now_ms())]
        price, quantity = feed.price.text, feed.quantity.text
        rows = [
            [
                bar.start_ms // 1000,
                *map(price, (bar.open, bar.high, bar.low, bar.close, bar.average)),
                quantity(bar.lots),
                bar.trades,
            ]
            for bar in bars
            if bar.start_ms // 1000 > since
        ]
        closed = bars[-2] if len(bars) > 1 else bars[-1]
        return {name: rows, "last": closed.start_ms // 1000}

    def _trades(self, request: Request) -> dict[str, Any]:
        """Behind ``since`` (nanoseconds), oldest first; without it the last ones. ``last`` is where to go on."""
        name, feed = self._pair(request)
        since = _number(request, "since", 0) if "since" in request.query else None
        count = min(_number(request, "count", _MOST_TRADES), _MOST_TRADES)
        fills = [fill for fill in feed.figures.fills if since is None or fill.time_micros * 1000 > since]
        chosen = fills[:count] if since is not None else fills[-count:]
        rows = [
            [
                feed.price.text(fill.price),
                feed.quantity.text(fill.lots),
                fill.time_micros / 1_000_000,
                "s" if fill.seller_aggressed else "b",
                fill.order_type[0],
                "",
                fill.trade_id,
            ]
            for fill in chosen
        ]
        last = str(chosen[-1].time_micros * 1000) if chosen else str(since or 0)
        return {name: rows, "last": last}

    def _all(self) -> Iterable[KrakenFeed]:
        return self._exchange.feeds.values()

    def _pair(self, request: Request) -> tuple[str, KrakenFeed]:
        pairs = self._pairs(request)
        if len(pairs) != 1:
            raise _RefusedError("EGeneral:Invalid arguments")
        return pairs[0]

    def _pairs(self, request: Request) -> list[tuple[str, KrakenFeed]]:
        """By ``BTC/USD``, which an answer repeats, or by ``XBTUSD`` and ``XXBTZUSD``; the slash of ``XBT/USD`` is refused."""
        found = []
        for text in filter(None, request.query.get("pair", "").split(",")):
            feed = self._exchange.feeds.get(text)
            if feed is not None:
                found.append((text, feed))
                continue
            named = [feed for feed in self._all() if text in (_name(feed), _alternative(feed))]
            if not named:
                raise _RefusedError("EQuery:Unknown asset pair")
            found.append((_name(named[0]), named[0]))
        return found


def _time(request: Request) -> dict[str, Any]:  # noqa: ARG001  it asks for nothing
    seconds = time.time_ns() // 1_000_000_000
    return {
        "unixtime": seconds,
        "rfc1123": time.strftime("%a, %d %b %y %H:%M:%S +0000", time.gmtime(seconds)),
    }


def _name(feed: KrakenFeed) -> str:
    return pair_name(feed.instrument.base, feed.instrument.quote)


def _alternative(feed: KrakenFeed) -> str:
    return alternative_name(feed.instrument.base, feed.instrument.quote)


def _listing(feed: KrakenFeed) -> dict[str, Any]:
    """As documented; steps are those of the prices as they are written now."""
    instrument, price, quantity = feed.instrument, feed.price, feed.quantity
    return {
        "altname": _alternative(feed),
        "wsname": websocket_name(instrument.base, instrument.quote),
        "aclass_base": "currency",
        "base": asset_name(instrument.base),
        "aclass_quote": "currency",
        "quote": asset_name(instrument.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": price.wire,
        "lot_decimals": quantity.wire,
        "lot_multiplier": 1,
        "leverage_buy": [2, 3, 4, 5],
        "leverage_sell": [2, 3, 4, 5],
        "fees": [[0, 0.4], [10000, 0.35], [50000, 0.24]],
        "fees_maker": [[0, 0.25], [10000, 0.2], [50000, 0.14]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": Numerals(price.wire, price.wire).text(1),
        "status": "online",
    }


def _figures(feed: KrakenFeed) -> dict[str, Any]:
    """Pairs are today's and the last 24 hours', which are one thing here."""
    (bid, bid_lots), (ask, ask_lots) = feed.best()
    price, quantity, day = feed.price.text, feed.quantity.text, feed.figures.day
    fills = feed.figures.fills

    def level(value: int, lots: int) -> list[str]:
        whole = quantity(lots).partition(".")[0]
        return [price(value), whole, f"{whole}.000"]

    return {
        "a": level(ask, ask_lots),
        "b": level(bid, bid_lots),
        "c": [price(day.close), quantity(fills[-1].lots if fills else 0)],
        "v": [quantity(day.lots)] * 2,
        "p": [price(day.average)] * 2,
        "t": [day.trades] * 2,
        "l": [price(day.low)] * 2,
        "h": [price(day.high)] * 2,
        "o": price(day.open),
    }


def _number(request: Request, name: str, usual: int) -> int:
    text = request.query.get(name, str(usual))
    if not (text.isascii() and text.isdecimal()):
        raise _RefusedError(f"EGeneral:Invalid arguments:{name}")
    return int(text)


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value, separators=(",", ":")).encode())
