"""Events as the decoder gives them, and a gateway that stands on nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from bookmill.addresses import Addresses
from bookmill.settings import GatewaySettings, Settings
from gateway.app import create_app
from gateway.assembly import create_context
from gateway.context import Context

__all__ = [
    "NOW",
    "book",
    "decimal",
    "gap",
    "gateway",
    "get",
    "listing",
    "snapshot",
    "spread",
    "ticker",
    "trade",
]

NOW = 1_767_607_200_000_000
"""2026-01-05T10:00:00Z."""
_NOWHERE = Addresses("127.0.0.1:1", "http://127.0.0.1:1/registry", "http://127.0.0.1:1")


def decimal(text: str) -> int:
    """A scaled int."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(18, "0"))


def _event(offset: int, **fields: Any) -> dict[str, Any]:
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "source": "ws",
        "exchange_time": NOW - 1000,
        "receive_time": NOW,
        "source_topic": "raw.binance.spot",
        "source_partition": 3,
        "source_offset": offset,
        "source_index": 0,
        **fields,
    }


def spread(offset: int, bid: str | None = "100", ask: str | None = "101", **fields: Any) -> dict[str, Any]:
    """An event of ``spreads``; its measures are those of 100 and 101."""
    return _event(
        offset,
        **{
            "origin": "book",
            "state": "live",
            "update_id": offset,
            "bid_price": None if bid is None else decimal(bid),
            "bid_quantity": None if bid is None else decimal("1.5"),
            "ask_price": None if ask is None else decimal(ask),
            "ask_quantity": None if ask is None else decimal("2"),
            "mid": decimal("100.5"),
            "spread": decimal("1"),
            "spread_bps": decimal("99.502487562189054726"),
            **fields,
        },
    )


def trade(offset: int, price: str = "100.5", **fields: Any) -> dict[str, Any]:
    """An event of ``trades``."""
    return _event(
        offset,
        **{
            "trade_id": str(offset),
            "price": decimal(price),
            "quantity": decimal("0.25"),
            "contracts": None,
            "side": "BUY",
            "aggregated": False,
            **fields,
        },
    )


def ticker(offset: int, last: str = "100.4", **fields: Any) -> dict[str, Any]:
    """An event of ``tickers``."""
    some = dict.fromkeys(
        ("open_price", "high_price", "low_price", "volume", "quote_volume", "trades", "price_change")
    )
    return _event(offset, **{"last_price": decimal(last), **some, "price_change_percent": None, **fields})


def book(*levels: tuple[str, str]) -> tuple[list[int], list[int]]:
    """Prices and quantities of a side."""
    return [decimal(price) for price, _ in levels], [decimal(quantity) for _, quantity in levels]


def snapshot(
    offset: int,
    bids: tuple[list[int], list[int]] = book(("100", "1.5"), ("99", "3")),
    asks: tuple[list[int], list[int]] = book(("101", "2"), ("102", "4")),
    **fields: Any,
) -> dict[str, Any]:
    """An event of ``book_snapshots``."""
    return _event(
        offset,
        **{
            "state": "live",
            "reason": "interval",
            "update_id": offset,
            "bid_prices": bids[0],
            "bid_quantities": bids[1],
            "ask_prices": asks[0],
            "ask_quantities": asks[1],
            "spread": decimal("1"),
            "spread_bps": decimal("99.502487562189054726"),
            **fields,
        },
    )


def gap(offset: int, name: str, *, closed: bool = False, **fields: Any) -> dict[str, Any]:
    """An event of ``gaps``."""
    return _event(
        offset,
        **{
            "gap": name,
            "stream": "book",
            "phase": "closed" if closed else "opened",
            "cause": "sequence",
            "expected": None,
            "seen": None,
            "first_trade_id": None,
            "last_trade_id": None,
            "missed": None,
            "attempts": 0,
            "opened_time": NOW - 5_000_000,
            "closed_time": NOW if closed else None,
            "since_time": None,
            "until_time": None,
            "healed": "snapshot" if closed else "none",
            "complete": closed,
            **fields,
        },
    )


def listing(symbol: str = "BTC-USDT", **fields: Any) -> dict[str, Any]:
    """An event of ``instruments``."""
    base, _, quote = symbol.partition("-")
    return {
        "exchange": "binance",
        "market": "spot",
        "symbol": symbol,
        "wire_symbol": base + quote,
        "base": base,
        "quote": quote,
        "settle": "",
        "tick": decimal("0.01"),
        "lot": decimal("0.00001"),
        "contract_size": None,
        "inverse": False,
        "trading": True,
        "status": "TRADING",
        "expiry_time": None,
        "listed": True,
        "seen_time": NOW,
        **fields,
    }


def gateway(**settings: Any) -> Context:
    """A gateway whose other sides do not exist; its time stands still."""
    context = create_context(
        Settings(gateway=GatewaySettings(**settings)),
        _NOWHERE,
        subscriptions_schema_id=1,
        alerts_schema_id=2,
    )
    context.clock = lambda: NOW
    return context


def get(
    context: Context, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> httpx2.Response:
    """The application's answer, without a server."""

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_app(context), client=("127.0.0.1", 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())
