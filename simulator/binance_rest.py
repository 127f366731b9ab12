"""Binance's REST answers: depth snapshots, exchangeInfo, ping and time, with weights, limits, 429 and 418."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from simulator.binance_feed import decimal_text, wire_decimals
from simulator.dialect import Books, Snapshots
from simulator.faults import RestFault, RestFaults
from simulator.feed import Level
from simulator.instruments import Instrument
from simulator.limits import WeightBudget
from simulator.web import Request, Response

__all__ = ["SPOT_REST", "USDM_REST", "BinanceRest", "RestRules", "book_body"]

_LAST_UPDATE_ID = re.compile(rb'("lastUpdateId"\s*:\s*)-?\d+')


@dataclass(frozen=True)
class RestRules:
    """Where the market's REST lives and what it costs. ``depth_weights``: (up to this limit, weight), in order."""

    market: Literal["spot", "usdm"]
    prefix: str
    weight_a_minute: int
    depth_weights: tuple[tuple[int, int], ...]
    default_limit: int
    info_weight: int
    fixed_limits: frozenset[int] = frozenset()  # the only allowed ones; empty: any up to the greatest


SPOT_REST = RestRules(
    "spot", "/api/v3", 6000, ((100, 5), (500, 25), (1000, 50), (5000, 250)), default_limit=100, info_weight=20
)
USDM_REST = RestRules(
    "usdm",
    "/fapi/v1",
    2400,
    ((50, 2), (100, 5), (500, 10), (1000, 20)),
    default_limit=500,
    info_weight=1,
    fixed_limits=frozenset({5, 10, 20, 50, 100, 500, 1000}),
)


class _BadParameterError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class BinanceRest:
    """Answers calls and keeps each client address's weight. ``scale`` shortens the minute."""

    def __init__(self, rules: RestRules, *, scale: float) -> None:
        self._rules = rules
        self._scale = scale
        self._budgets: dict[str, WeightBudget] = {}
        self._counts = {
            "calls": 0,
            "snapshots": 0,
            "weight": 0,
            "refused_429": 0,
            "banned_418": 0,
            "faults": 0,
        }

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots, weight and refusals so far."""
        return dict(self._counts)

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        self._counts["calls"] += 1
        name = request.path.removeprefix(self._rules.prefix + "/")
        calls: dict[str, Callable[[], Response]] = {
            "ping": lambda: self._charged(request, 1, lambda: b"{}"),
            "time": lambda: self._charged(request, 1, lambda: _json({"serverTime": _now_ms()})),
            "exchangeInfo": lambda: self._exchange_info(request, books),
        }
        if request.path == name or request.method != "GET" or name not in {*calls, "depth"}:
            return Response(404, b"<html><h2>404 Not found</h2></html>", {"Content-Type": "text/html"})
        if name == "depth":
            return await self._depth(request, books, faults)
        return calls[name]()

    async def _depth(self, request: Request, books: Books, faults: RestFaults) -> Response:
        try:
            book, limit = self._asked(request, books)
        except _BadParameterError as error:
            return _error(error.code, str(error))
        weight = next(weight for most, weight in self._rules.depth_weights if limit <= most)
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status != 200:
            return _refusal(fault.status, fault.retry_after_s, "0")
        response = self._charged(request, weight, lambda: book.snapshot(limit, _now_ms()))
        if response.status != 200:
            return response
        self._counts["snapshots"] += 1
        await asyncio.sleep(fault.delay_s)
        if fault.content == "stale":
            body = _LAST_UPDATE_ID.sub(rb"\g<1>%d" % book.opening_id, response.body, count=1)
            return Response(200, body, response.headers)
        if fault.content == "empty":
            return Response(200, b'{"lastUpdateId":-1,"bids":[],"asks":[]}', response.headers)
        return response

    def _asked(self, request: Request, books: Books) -> tuple[Snapshots, int]:
        """Book and number of levels a depth call asks for; raises the exchange's error."""
        symbol = request.query.get("symbol")
        limit_text = request.query.get("limit", str(self._rules.default_limit))
        if not symbol:
            raise _BadParameterError(
                -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            )
        if not re.fullmatch(r"[0-9]{1,20}", limit_text):
            raise _BadParameterError(
                -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
            )
        limit = int(limit_text)
        if limit < 1 or (self._rules.fixed_limits and limit not in self._rules.fixed_limits):
            raise _BadParameterError(-1130, "Data sent for parameter 'limit' is not valid.")
        if symbol not in books:
            raise _BadParameterError(-1121, "Invalid symbol.")
        return books[symbol], min(limit, self._rules.depth_weights[-1][0])

    def _exchange_info(self, request: Request, books: Books) -> Response:
        if self._rules.market == "spot":  # USD-M takes no parameters: it always lists all
            try:
                asked = _asked_symbols(request)
                books = {symbol: books[symbol] for symbol in asked} if asked else books
            except KeyError:
                return _error(-1121, "Invalid symbol.")
            except ValueError:
                return _error(-1100, "Illegal characters found in parameter 'symbols'.")
        instruments = [book.instrument for book in books.values()]
        body = {
            "timezone": "UTC",
            "serverTime": _now_ms(),
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self._rules.weight_a_minute,
                }
            ],
            "exchangeFilters": [],
            "symbols": [_listing(self._rules.market, instrument) for instrument in instruments],
        }
        return self._charged(request, self._rules.info_weight, lambda: _json(body))

    def _charged(self, request: Request, weight: int, body: Callable[[], bytes]) -> Response:
        """The answer with its weight taken from the caller's minute, or the refusal."""
        minute_s = 60.0 / self._scale
        budget = self._budgets.setdefault(
            request.peer, WeightBudget(self._rules.weight_a_minute, minute_s=minute_s)
        )
        verdict = budget.spend(weight, time.time())
        if verdict.status != 200:
            self._counts["refused_429" if verdict.status == 429 else "banned_418"] += 1
            text = (
                f"Too much request weight used; current limit is {self._rules.weight_a_minute} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            if verdict.status == 418:
                until_ms = int(budget.banned_until_s * 1000)
                text = (
                    f"Way too much request weight used; IP banned until {until_ms}. "
                    "Please use WebSocket Streams for live updates to avoid bans."
                )
            return _refusal(verdict.status, verdict.retry_after_s, str(verdict.used), text)
        self._counts["weight"] += weight
        return Response(200, body(), {"X-MBX-USED-WEIGHT-1M": str(verdict.used)})


def book_body(
    market: Literal["spot", "usdm"],
    instrument: Instrument,
    update_id: int,
    bids: list[Level],
    asks: list[Level],
    *,
    time_ms: int,
) -> bytes:
    """The depth answer; USD-M's has two times."""
    price_wire, quantity_wire = wire_decimals(market, instrument)

    def levels(side: list[Level]) -> list[list[str]]:
        return [
            [
                decimal_text(price, instrument.price_decimals, price_wire),
                decimal_text(quantity, instrument.quantity_decimals, quantity_wire),
            ]
            for price, quantity in side
        ]

    times = {"E": time_ms, "T": time_ms} if market == "usdm" else {}
    return _json({"lastUpdateId": update_id, **times, "bids": levels(bids), "asks": levels(asks)})


def _asked_symbols(request: Request) -> list[str]:
    """``symbol=A`` or ``symbols=["A","B"]``; empty for all. Raises ValueError."""
    if "symbols" in request.query:
        symbols = json.loads(request.query["symbols"])
        if not isinstance(symbols, list):
            raise ValueError(symbols)
        return [str(symbol) for symbol in symbols]
    return [request.query["symbol"]] if request.query.get("symbol") else []


def _listing(market: Literal["spot", "usdm"], instrument: Instrument) -> dict[str, Any]:
    price_wire, quantity_wire = wire_decimals(market, instrument)
    tick = decimal_text(1, instrument.price_decimals, price_wire)
    step = decimal_text(1, instrument.quantity_decimals, quantity_wire)
    wire = instrument.base + instrument.quote
    common = {
        "symbol": wire,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
    }
    price_filter = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick}
    lot_size = {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000000", "stepSize": step}
    if market == "spot":
        return {
            **common,
            "baseAssetPrecision": 8,
            "quoteAssetPrecision": 8,
            "isSpotTradingAllowed": True,
            "filters": [
                price_filter,
                lot_size,
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
    return {
        **common,
        "pair": wire,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "marginAsset": instrument.quote,
        "pricePrecision": price_wire,
        "quantityPrecision": quantity_wire,
        "underlyingType": "COIN",
        "filters": [price_filter, lot_size, {"filterType": "MIN_NOTIONAL", "notional": "100"}],
    }


def _refusal(status: int, retry_after_s: int, used: str, text: str = "Too many requests.") -> Response:
    headers = {"X-MBX-USED-WEIGHT-1M": used}
    if status in {418, 429}:
        headers["Retry-After"] = str(retry_after_s)
    return Response(status, _json({"code": -1003, "msg": text}), headers)


def _error(code: int, text: str) -> Response:
    return Response(400, _json({"code": code, "msg": text}))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
