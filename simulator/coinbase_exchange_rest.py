"""The Exchange's public REST answers: products, book, trades, candles, ticker, time (protocol page, section 8.1)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from simulator.coinbase_ledger import Ledger, Numerals, micros_time
from simulator.coinbase_rest import Answers, RestError, number, seconds, within
from simulator.dialect import Books
from simulator.feed import Level
from simulator.instruments import Instrument
from simulator.rest import json_bytes, json_response, now_ms
from simulator.web import Request, Response

__all__ = ["ExchangeAnswers", "exchange_book"]

_PATH = re.compile(r"^/products/([^/]+)(?:/(book|trades|candles|ticker))?$")
_WIDTHS = {"60", "300", "900", "3600", "21600", "86400"}
_MOST_BARS, _MOST_BARS_BY_DEFAULT, _MOST_TRADES = 300, 350, 1000
_NOT_FOUND = {"message": "NotFound"}


class ExchangeAnswers(Answers):
    """Paths below ``https://api.exchange.coinbase.com``."""

    too_many = b'{"message":"Public rate limit exceeded"}'

    def book(self, request: Request) -> tuple[str, int] | None:
        """Level 1 is the best of a side, level 2 all levels, level 3 all orders (one a level here)."""
        matched = _PATH.match(request.path)
        if matched is None or matched[2] != "book":
            return None
        level = request.query.get("level", "1")
        if level not in {"1", "2", "3"}:
            raise RestError(400, {"message": "unexpected level: _"})
        return matched[1], 1 if level == "1" else 1 << 30

    def shaped(self, request: Request, body: bytes) -> bytes:
        """Level 3 names orders."""
        if request.query.get("level") != "3":
            return body
        book = json.loads(body)
        for side in ("bids", "asks"):
            book[side] = [
                [price, size, str(uuid.uuid5(uuid.NAMESPACE_OID, price))] for price, size, _ in book[side]
            ]
        return json_bytes(book)

    def other(self, request: Request, books: Books, ledgers: Mapping[str, Ledger]) -> Response:
        """Everything but books."""
        if request.method != "GET":
            raise RestError(404, _NOT_FOUND)
        if request.path == "/products":
            return json_response([_product(book.instrument) for book in books.values()])
        if request.path == "/time":
            time_ms = now_ms()
            return json_response({"iso": micros_time(time_ms), "epoch": time_ms // 1000})
        matched = _PATH.match(request.path)
        if matched is None or matched[1] not in books:
            raise RestError(404, _NOT_FOUND)
        if matched[2] is None:
            return json_response(_product(books[matched[1]].instrument))
        ledger = ledgers.get(matched[1]) or Ledger(books[matched[1]].instrument)
        return {"trades": _trades, "candles": _candles, "ticker": _ticker}[matched[2]](request, ledger)

    def unknown_product(self, product: str) -> RestError:  # noqa: ARG002  it is not named
        """Also for all other paths there are not."""
        return RestError(404, _NOT_FOUND)


def exchange_book(ledger: Ledger, bids: list[Level], asks: list[Level], time_ms: int) -> bytes:
    """A book with one order a level. Its ``sequence`` is the product's own, which no change of ``level2_batch`` names."""
    price, size = ledger.price.text, ledger.quantity.text
    return json_bytes(
        {
            "bids": [[price(ticks), size(lots), 1] for ticks, lots in bids],
            "asks": [[price(ticks), size(lots), 1] for ticks, lots in asks],
            "sequence": ledger.sequence,
            "auction_mode": False,
            "auction": None,
            "time": micros_time(time_ms),
        }
    )


def _product(instrument: Instrument) -> dict[str, Any]:
    return {
        "id": instrument.symbol,
        "base_currency": instrument.base,
        "quote_currency": instrument.quote,
        "quote_increment": Numerals(instrument.price_decimals).step,
        "base_increment": Numerals(instrument.quantity_decimals).step,
        "display_name": instrument.symbol,
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def _trades(request: Request, ledger: Ledger) -> Response:
    """Newest first; ``after`` pages to older ones, ``before`` gives the newest that are newer than it."""
    limit = number(request, "limit", _MOST_TRADES, _MOST_TRADES)
    after, before = number(request, "after", 1 << 62, 1 << 62), number(request, "before", 0, 1 << 62)
    page = [fill for fill in reversed(ledger.fills) if before < fill.trade_id < after][:limit]
    body = json_bytes(
        [
            {
                "trade_id": fill.trade_id,
                "side": fill.maker,
                "size": ledger.quantity.text(fill.quantity),
                "price": ledger.price.text(fill.price),
                "time": micros_time(fill.time_ms),
            }
            for fill in page
        ]
    )
    headers = {"cb-before": str(page[0].trade_id), "cb-after": str(page[-1].trade_id)} if page else {}
    return Response(200, body, headers)


def _candles(request: Request, ledger: Ledger) -> Response:
    """Rows of JSON numbers, newest first; what nothing traded in is left out."""
    width = request.query.get("granularity", "60")
    if width not in _WIDTHS:
        raise RestError(400, {"message": "Unsupported granularity"})
    width_s, bars = int(width), ledger.bars(int(width))
    if "start" in request.query and "end" in request.query:
        start_s, end_s = seconds(request.query["start"]), seconds(request.query["end"])
        if (end_s - start_s) // width_s > _MOST_BARS:
            text = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"
            raise RestError(400, {"message": text})
        chosen = within(bars, start_s, end_s)
    else:
        chosen = bars[::-1][:_MOST_BARS_BY_DEFAULT]
    price, size = ledger.price.text, ledger.quantity.text
    rows = ",".join(
        f"[{bar.start_ms // 1000},{price(bar.low)},{price(bar.high)},{price(bar.open)},{price(bar.close)},"
        f"{size(bar.volume_lots)}]"
        for bar in chosen
    )
    return Response(200, f"[{rows}]".encode())


def _ticker(request: Request, ledger: Ledger) -> Response:  # noqa: ARG001  all calls of one form
    if not ledger.fills or ledger.best is None:
        raise RestError(404, _NOT_FOUND)
    last, (bid, ask) = ledger.fills[-1], ledger.best
    price, size = ledger.price.text, ledger.quantity.text
    body = {
        "ask": price(ask[0]),
        "bid": price(bid[0]),
        "volume": size(ledger.figures()[3]),
        "trade_id": last.trade_id,
        "price": price(last.price),
        "size": size(last.quantity),
        "time": micros_time(last.time_ms),
        "rfq_volume": "0.00",
    }
    return json_response(body)
