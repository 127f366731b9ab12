"""Advanced Trade's public REST answers: products, product_book, ticker, candles, time (protocol page, section 8.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulator.coinbase_ledger import Ledger, Numerals, trimmed_time
from simulator.coinbase_rest import Answers, RestError, number, seconds, within
from simulator.dialect import Books
from simulator.feed import Level
from simulator.instruments import Instrument
from simulator.rest import json_bytes, json_response, now_ms
from simulator.web import Request, Response

__all__ = ["AdvancedAnswers", "advanced_book"]

_PREFIX = "/api/v3/brokerage"
_PATH = re.compile(rf"^{_PREFIX}/market/products/([^/]+)(?:/(candles|ticker))?$")
_MOST_LEVELS, _MOST_BARS, _MOST_TRADES = 1000, 350, 100
_FOREVER_S = 1 << 40
_WIDTHS = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "TWO_HOUR": 7200,
    "FOUR_HOUR": 14_400,
    "SIX_HOUR": 21_600,
    "ONE_DAY": 86_400,
}


class AdvancedAnswers(Answers):
    """Paths below ``https://api.coinbase.com``. What the limit of calls is, and its body, is not published: as the Exchange's."""

    too_many = b'{"error":"RESOURCE_EXHAUSTED","message":"Too many requests"}'

    def book(self, request: Request) -> tuple[str, int] | None:
        """At most 1000 levels a side, also where more are asked for."""
        if request.path != f"{_PREFIX}/market/product_book":
            return None
        product = request.query.get("product_id", "")
        if not product:
            raise _invalid("product_id is required")
        return _canonical(product), number(request, "limit", _MOST_LEVELS, _MOST_LEVELS) or _MOST_LEVELS

    def other(self, request: Request, books: Books, ledgers: Mapping[str, Ledger]) -> Response:
        """Everything but books."""
        if request.method != "GET":
            raise RestError(404, {"error": "NOT_FOUND", "message": "Not found"})
        if request.path == f"{_PREFIX}/time":
            time_ms = now_ms()
            moment = {
                "iso": trimmed_time(time_ms),
                "epochSeconds": str(time_ms // 1000),
                "epochMillis": str(time_ms),
            }
            return _answer(moment)
        if request.path == f"{_PREFIX}/market/products":
            return _answer(_listed(request, books))
        matched = _PATH.match(request.path)
        if matched is None:
            raise RestError(404, {"error": "NOT_FOUND", "message": "Not found"})
        book = books.get(_canonical(matched[1]))
        if book is None:
            raise self.unknown_product(matched[1])
        if matched[2] is None:
            return _answer(_product(book.instrument, matched[1]))
        ledger = ledgers.get(book.instrument.symbol) or Ledger(book.instrument)
        return (_candles if matched[2] == "candles" else _ticker)(request, ledger, matched[1])

    def unknown_product(self, product: str) -> RestError:
        """As it was seen."""
        return RestError(404, {"error": "NOT_FOUND", "message": f"Product {product} not supported"})


def advanced_book(ledger: Ledger, bids: list[Level], asks: list[Level], time_ms: int) -> bytes:
    """A book without any number that could join it to a stream."""
    price, size = ledger.price, ledger.quantity
    book = {
        "product_id": ledger.product,
        "bids": [{"price": price.text(ticks), "size": size.text(lots)} for ticks, lots in bids],
        "asks": [{"price": price.text(ticks), "size": size.text(lots)} for ticks, lots in asks],
        "time": trimmed_time(time_ms),
    }
    if not bids or not asks:
        return json_bytes({"pricebook": book})
    spread = asks[0][0] - bids[0][0]
    middle = Decimal(asks[0][0] + bids[0][0]) / 2
    last = ledger.fills[-1].price if ledger.fills else asks[0][0]
    return json_bytes(
        {
            "pricebook": book,
            "last": price.text(last),
            "mid_market": str(middle.scaleb(-ledger.instrument.price_decimals)),
            "spread_bps": f"{10_000 * spread / middle:.4f}",
            "spread_absolute": price.text(spread),
        }
    )


def _listed(request: Request, books: Books) -> dict[str, Any]:
    """Each ``-USD`` product, and once more by its ``-USDC`` name, whose ``alias`` it is."""
    kind = request.query.get("product_type", "SPOT")
    products = []
    for book in books.values() if kind == "SPOT" else ():
        symbol = book.instrument.symbol
        products.append(_product(book.instrument, symbol))
        if symbol.endswith("-USD"):
            products.append(_product(book.instrument, symbol + "C"))
    return {"products": products, "num_products": len(products), "pagination": None}


def _product(instrument: Instrument, product: str) -> dict[str, Any]:
    tick = Numerals(instrument.price_decimals).step
    alias = instrument.symbol if product != instrument.symbol else ""
    return {
        "product_id": product,
        "price": "",
        "volume_24h": "",
        "base_increment": Numerals(instrument.quantity_decimals).step,
        "quote_increment": tick,
        "quote_min_size": "1",
        "base_name": instrument.base,
        "quote_name": instrument.quote,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": product.rpartition("-")[2],
        "base_currency_id": instrument.base,
        "best_bid_price": "",
        "best_ask_price": "",
        "alias": alias,
        "alias_to": [] if alias or instrument.quote != "USD" else [f"{product}C"],
        "view_only": False,
        "price_increment": tick,
        "display_name": product,
        "product_venue": "CBE",
    }


def _ticker(request: Request, ledger: Ledger, product: str) -> Response:
    """The last trades, of those from ``start`` to ``end`` (seconds, both included), newest first, with the maker's side, and the best
    prices."""
    limit = number(request, "limit", _MOST_TRADES, _MOST_TRADES)
    start_ms, end_ms = (
        number(request, name, usual, _FOREVER_S) * 1000 for name, usual in (("start", 0), ("end", _FOREVER_S))
    )
    price, size = ledger.price.text, ledger.quantity.text
    trades = [
        {
            "trade_id": str(fill.trade_id),
            "product_id": product,
            "price": price(fill.price),
            "size": size(fill.quantity),
            "time": trimmed_time(fill.time_ms),
            "side": fill.maker.upper(),
            "bid": "",
            "ask": "",
            "exchange": "coinbase",
        }
        for fill in [one for one in reversed(ledger.fills) if start_ms <= one.time_ms <= end_ms][:limit]
    ]
    best = [price(side[0]) for side in ledger.best] if ledger.best else ["", ""]
    return _answer({"trades": trades, "best_bid": best[0], "best_ask": best[1]})


def _candles(request: Request, ledger: Ledger, product: str) -> Response:  # noqa: ARG001  all calls of one form
    """Strings, newest first; ``start`` and ``end`` in seconds."""
    width = _WIDTHS.get(request.query.get("granularity", ""))
    if width is None:
        raise _invalid("granularity is invalid")
    bars = ledger.bars(width)
    newest_s = bars[-1].start_ms // 1000 if bars else 0
    end_s = seconds(request.query.get("end", str(newest_s)))
    start_s = seconds(request.query.get("start", str(max(0, end_s - width * (_MOST_BARS - 1)))))
    if (end_s - start_s) // width >= _MOST_BARS:
        raise _invalid("number of candles requested should be less than 350")
    price = ledger.price.text
    candles = [
        {
            "start": str(bar.start_ms // 1000),
            "low": price(bar.low),
            "high": price(bar.high),
            "open": price(bar.open),
            "close": price(bar.close),
            "volume": ledger.quantity.text(bar.volume_lots),
        }
        for bar in within(bars, start_s, end_s)
    ]
    return _answer({"candles": candles[: number(request, "limit", _MOST_BARS, _MOST_BARS)]})


def _canonical(product: str) -> str:
    return product.removesuffix("C") if product.endswith("-USDC") else product


def _invalid(text: str) -> RestError:
    return RestError(400, {"error": "INVALID_ARGUMENT", "error_details": text, "message": text})


def _answer(value: Any) -> Response:
    return json_response(value, 200, {"Cache-Control": "public, max-age=14400"})
