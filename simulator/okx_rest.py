"""The simulated OKX's REST answers (OKX docs, REST public and market data; limits per address and endpoint)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from simulator.dialect import Books
from simulator.faults import RestFault, RestFaults
from simulator.limits import RollingWindow
from simulator.okx_contracts import Contract, listing
from simulator.okx_feed import OkxFeed
from simulator.okx_figures import BARS
from simulator.web import Request, Response

__all__ = ["OkxRest"]

_PREFIX = "/api/v5/"
_WINDOW_S = 2.0
_CALLS: Mapping[str, int] = {  # in 2 s
    "public/instruments": 20,
    "market/books": 40,
    "market/trades": 100,
    "market/history-trades": 20,
    "market/ticker": 20,
    "market/candles": 40,
    "public/mark-price": 10,
    "public/open-interest": 20,
    "public/funding-rate": 10,
    "public/time": 10,
}
_FOREVER_MS = 1 << 53
_MOST_LEVELS, _MOST_TRADES, _MOST_PAST_TRADES, _MOST_CANDLES = 400, 500, 100, 300


class _BadParameterError(Exception):
    def __init__(self, code: str, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


class OkxRest:
    """Answers calls and counts those of each address. ``scale`` shortens the two seconds of the limits."""

    def __init__(self, kind: str, feeds: Mapping[str, OkxFeed], *, scale: float) -> None:
        self._kind = kind
        self._feeds = feeds
        self._scale = scale
        self._windows: dict[tuple[str, str, str], RollingWindow] = {}
        self._counts = {"calls": 0, "snapshots": 0, "refused_429": 0, "faults": 0}

    def counts(self) -> dict[str, int]:
        """Calls, good books, and refusals so far."""
        return dict(self._counts)

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        self._counts["calls"] += 1
        name = request.path.removeprefix(_PREFIX)
        if request.method != "GET" or not request.path.startswith(_PREFIX) or name not in _CALLS:
            return Response(404, b'{"code":404,"data":{},"msg":"Not Found"}')  # here the code is a number
        if not self._admitted(name, request):
            self._counts["refused_429"] += 1
            return _too_many()
        try:
            if name == "market/books":
                return await self._books(request.query, books, faults)
            answers: dict[str, Callable[[Mapping[str, str]], list[Any]]] = {
                "public/instruments": self._instruments,
                "market/trades": self._trades,
                "market/history-trades": self._past_trades,
                "market/ticker": lambda query: [self._feed(query).figures.ticker(_now_ms())],
                "market/candles": self._candles,
                "public/mark-price": lambda query: [self._feed(query).figures.mark_price(_now_ms())],
                "public/open-interest": lambda query: [self._feed(query).figures.open_interest(_now_ms())],
                "public/funding-rate": self._funding_rate,
                "public/time": lambda query: [{"ts": str(_now_ms())}],  # noqa: ARG005  it has no parameters
            }
            return _good([row for row in answers[name](request.query) if row is not None])
        except _BadParameterError as error:
            body = {"code": error.code, "data": [], "msg": str(error)}
            return Response(error.status, _json(body))

    def _admitted(self, name: str, request: Request) -> bool:
        key = (name, request.peer, request.query.get("instType", "") if "instruments" in name else "")
        window = self._windows.setdefault(key, RollingWindow(_CALLS[name], _WINDOW_S / self._scale))
        return window.admit(time.monotonic())

    async def _books(self, query: Mapping[str, str], books: Books, faults: RestFaults) -> Response:
        feed = self._feed(query)
        book = books[feed.contract.wire]
        levels = min(_number(query, "sz", 1), _MOST_LEVELS)
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status == 429:
            return _too_many()
        if fault.status != 200:
            return Response(
                fault.status, b'{"code":"50001","data":[],"msg":"Service temporarily unavailable."}'
            )
        body = book.snapshot(levels, _now_ms())
        if fault.content == "stale":
            row = json.loads(body)["data"][0]
            body = _good([{**row, "seqId": feed.sequence(book.opening_id)}]).body
        elif fault.content == "empty":
            body = _good([{"asks": [], "bids": [], "ts": str(_now_ms()), "seqId": -1}]).body
        await asyncio.sleep(fault.delay_s)
        self._counts["snapshots"] += 1
        return Response(200, body)

    def _instruments(self, query: Mapping[str, str]) -> list[Any]:
        kind = _required(query, "instType")
        if kind not in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS"):
            raise _BadParameterError("51000", "Parameter instType error", 400)

        def asked(one: Contract) -> bool:
            return (
                query.get("instId", one.wire) == one.wire
                and query.get("instFamily", one.family) == one.family
            )

        listed = self._feeds.values() if kind == self._kind else ()
        return [listing(feed.contract, feed.scenarios.state) for feed in listed if asked(feed.contract)]

    def _trades(self, query: Mapping[str, str]) -> list[Any]:
        limit = min(_number(query, "limit", 100), _MOST_TRADES)
        return [json.loads(row) for row in list(reversed(self._feed(query).trades))[:limit]]

    def _past_trades(self, query: Mapping[str, str]) -> list[Any]:
        """Newest first, older than ``after`` and newer than ``before``: ids (type 1) or times (type 2)."""
        by = {"1": "tradeId", "2": "ts"}.get(query.get("type", "1"))
        if by is None:
            raise _BadParameterError("51000", "Parameter type error", 400)
        after, before = _number(query, "after", _FOREVER_MS), _number(query, "before", 0)
        limit = min(_number(query, "limit", 100), _MOST_PAST_TRADES)
        rows = (json.loads(row) for row in reversed(self._feed(query).trades))
        return list(islice((row for row in rows if before < int(row[by]) < after), limit))

    def _candles(self, query: Mapping[str, str]) -> list[Any]:
        bar = query.get("bar", "1m")
        if bar not in BARS:
            raise _BadParameterError("51000", "Parameter bar error", 400)
        after = _number(query, "after", _FOREVER_MS)
        limit = min(_number(query, "limit", 100), _MOST_CANDLES)
        before = _number(query, "before", 0)
        return self._feed(query).figures.candles(bar, after, before, limit)

    def _funding_rate(self, query: Mapping[str, str]) -> list[Any]:
        feed = self._feed(query)
        if feed.contract.kind != "SWAP":
            raise _BadParameterError("51000", "Parameter instId error", 400)
        return [feed.figures.funding_rate(_now_ms())]

    def _feed(self, query: Mapping[str, str]) -> OkxFeed:
        wire = _required(query, "instId")
        if wire not in self._feeds:
            raise _BadParameterError(
                "51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."
            )
        return self._feeds[wire]


def _required(query: Mapping[str, str], name: str) -> str:
    if not query.get(name):
        raise _BadParameterError("50014", f"Parameter {name} can not be empty.", 400)
    return query[name]


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name) or str(usual)
    if not text.isdecimal():
        raise _BadParameterError("51000", f"Parameter {name} error", 400)
    return int(text)


def _good(rows: list[Any]) -> Response:
    return Response(200, _json({"code": "0", "msg": "", "data": rows}))


def _too_many() -> Response:
    return Response(429, b'{"msg":"Too Many Requests","code":"50011"}')


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
