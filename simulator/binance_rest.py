"""Binance's REST: which calls there are, with weights, limits, 429 and 418; depth snapshots, exchangeInfo, ping and time.

Books and listings are written by :mod:`simulator.binance_listing`, all other answers by :mod:`simulator.binance_queries`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from simulator.binance_feed import BinanceFeed
from simulator.binance_listing import listing
from simulator.binance_queries import BadParameterError, Queries, integer
from simulator.binance_rules import RestRules, Weights
from simulator.dialect import Books, Snapshots
from simulator.faults import RestFaults
from simulator.limits import Verdict, WeightBudget
from simulator.rest import RestDesk, json_bytes, json_response, now_ms
from simulator.web import Request, Response

__all__ = ["BinanceRest"]

_LAST_UPDATE_ID = re.compile(rb'("lastUpdateId"\s*:\s*)-?\d+')
_NOT_FOUND = Response(404, b"<html><h2>404 Not found</h2></html>", {"Content-Type": "text/html"})
_EMPTY_BOOK = b'{"lastUpdateId":-1,"bids":[],"asks":[]}'

_Query = Callable[[BinanceFeed, Mapping[str, str]], Any]


class BinanceRest:
    """Answers calls and keeps each client address's weight. ``feeds`` are the synthetic instruments by wire symbol.

    ``scale`` shortens the minute.
    """

    def __init__(self, rules: RestRules, feeds: Mapping[str, BinanceFeed], *, scale: float) -> None:
        self._rules = rules
        self._feeds = feeds
        self._desk = RestDesk(
            lambda: WeightBudget(rules.weight_a_minute, minute_s=60.0 / scale), self._refusal
        )
        queries = Queries(rules.market)
        self._queries: dict[str, _Query] = {
            "trades": queries.trades,
            "historicalTrades": queries.historical_trades,
            "aggTrades": queries.agg_trades,
            "klines": queries.klines,
            "ticker/24hr": queries.ticker,
            "openInterest": queries.open_interest,
            "premiumIndex": queries.premium_index,
        }

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots, weight and refusals so far."""
        return self._desk.counts()

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        self._desk.called()
        name = request.path.removeprefix(self._rules.prefix + "/")
        if request.path == name or request.method != "GET":
            return _NOT_FOUND
        try:
            if name == "depth":
                return await self._depth(request, books, faults)
            return self._answer(name, request, books)
        except BadParameterError as error:
            return json_response({"code": error.code, "msg": str(error)}, error.status)

    def _answer(self, name: str, request: Request, books: Books) -> Response:
        if name == "ping":
            return self._charged(request, 1, lambda: b"{}")
        if name == "time":
            return self._charged(request, 1, lambda: json_bytes({"serverTime": now_ms()}))
        if name == "exchangeInfo":
            return self._exchange_info(request, books)
        if name == "klines" or name in self._rules.weights:
            return self._query(name, request)
        return _NOT_FOUND

    async def _depth(self, request: Request, books: Books, faults: RestFaults) -> Response:
        book, limit = self._asked(request, books)
        return await self._desk.snapshot(
            request,
            faults,
            lambda verdict: _used(book.snapshot(limit, now_ms()), verdict),
            stale=lambda body: _LAST_UPDATE_ID.sub(rb"\g<1>%d" % book.opening_id, body, count=1),
            empty=_EMPTY_BOOK,
            weight=_weight(self._rules.depth_weights, limit),
        )

    def _asked(self, request: Request, books: Books) -> tuple[Snapshots, int]:
        """Book and number of levels a depth call asks for; raises the exchange's error."""
        symbol = _symbol(request)
        limit = integer(request.query, "limit", self._rules.default_limit)
        if limit < 1 or (self._rules.fixed_limits and limit not in self._rules.fixed_limits):
            raise BadParameterError(-1130, "Data sent for parameter 'limit' is not valid.")
        if symbol not in books:
            raise BadParameterError(-1121, "Invalid symbol.")
        return books[symbol], min(limit, self._rules.depth_weights[-1][0])

    def _query(self, name: str, request: Request) -> Response:
        """A call about one instrument; without one about all, where that can be asked. COIN-M answers some in lists always."""
        if name in self._rules.keyed and not request.headers.get("x-mbx-apikey"):
            raise BadParameterError(-2014, "API-key format invalid.", 401)
        query, feeds = self._queries[name], self._feeds
        weight, of_all = self._rules.weights.get(name, (0, None))
        if name == "klines":
            weight = _weight(self._rules.kline_weights, integer(request.query, "limit", 500))
        if of_all is not None and not request.query.get("symbol"):
            asked = _asked_symbols(request) if self._rules.market == "spot" else []
            if not all(symbol in feeds for symbol in asked):
                raise BadParameterError(-1121, "Invalid symbol.")
            weight = _weight(self._rules.symbols_weights, len(asked)) if asked else of_all
            return self._charged(
                request,
                weight,
                lambda: json_bytes([query(feeds[symbol], request.query) for symbol in asked or feeds]),
            )
        symbol = _symbol(request)
        if symbol not in feeds:
            raise BadParameterError(-1121, "Invalid symbol.")
        answer = query(feeds[symbol], request.query)  # before it is charged: a bad parameter costs nothing
        in_list = self._rules.market == "coinm" and name in {"ticker/24hr", "premiumIndex"}
        return self._charged(request, weight, lambda: json_bytes([answer] if in_list else answer))

    def _exchange_info(self, request: Request, books: Books) -> Response:
        if self._rules.market == "spot":  # futures take no parameters: they always list all
            asked = _asked_symbols(request)
            if not all(symbol in books for symbol in asked):
                raise BadParameterError(-1121, "Invalid symbol.")
            books = {symbol: books[symbol] for symbol in asked} if asked else books
        instruments = [book.instrument for book in books.values()]
        body = {
            "timezone": "UTC",
            "serverTime": now_ms(),
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self._rules.weight_a_minute,
                }
            ],
            "exchangeFilters": [],
            "symbols": [listing(self._rules.market, instrument) for instrument in instruments],
        }
        return self._charged(request, self._rules.info_weight, lambda: json_bytes(body))

    def _charged(self, request: Request, weight: int, body: Callable[[], bytes]) -> Response:
        return self._desk.charged(request, lambda verdict: _used(body(), verdict), weight=weight)

    def _refusal(self, verdict: Verdict) -> Response:
        text = "Too many requests."
        if verdict.banned_until_s:
            text = (
                f"Way too much request weight used; IP banned until {int(verdict.banned_until_s * 1000)}. "
                "Please use WebSocket Streams for live updates to avoid bans."
            )
        elif verdict.used:
            text = (
                f"Too much request weight used; current limit is {self._rules.weight_a_minute} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
        headers = {"X-MBX-USED-WEIGHT-1M": str(verdict.used)}
        if verdict.status in {418, 429}:
            headers["Retry-After"] = str(verdict.retry_after_s)
        return json_response({"code": -1003, "msg": text}, verdict.status, headers)


def _used(body: bytes, verdict: Verdict) -> Response:
    return Response(200, body, {"X-MBX-USED-WEIGHT-1M": str(verdict.used)})


def _weight(weights: Weights, limit: int) -> int:
    """Of a call with this limit; one above the greatest is cut to that."""
    return next((weight for most, weight in weights if limit <= most), weights[-1][1])


def _symbol(request: Request) -> str:
    symbol = request.query.get("symbol")
    if not symbol:
        raise BadParameterError(
            -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
        )
    return symbol


def _asked_symbols(request: Request) -> list[str]:
    """``symbol=A`` or ``symbols=["A","B"]``; empty for all. Raises the exchange's error."""
    if "symbols" in request.query:
        try:
            symbols = json.loads(request.query["symbols"])
        except ValueError:
            symbols = None
        if not isinstance(symbols, list):
            raise BadParameterError(-1100, "Illegal characters found in parameter 'symbols'.")
        return [str(symbol) for symbol in symbols]
    return [request.query["symbol"]] if request.query.get("symbol") else []
