"""What the made-up gateway tells of itself: status, gaps, completeness, stored rows. Fixed, so that tests can compare."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["ALERTS", "COMPLETENESS", "GAPS", "RULE", "STATS", "health", "status"]

_STARTED_S = time.time()

GAPS: list[dict[str, Any]] = [
    {
        "instrument": "okx.swap.SOL-USDT",
        "exchange": "okx",
        "market": "swap",
        "symbol": "SOL-USDT",
        "gap": "raw.okx.swap/3/00000000000000004711/000000",
        "stream": "book",
        "state": "open",
        "cause": "sequence",
        "expected": "4711",
        "seen": "4715",
        "missed": 4,
        "opened_time": "2026-01-05T10:00:00.000000Z",
        "opened_time_us": 1_767_607_200_000_000,
        "closed_time": None,
        "closed_time_us": None,
        "over_time": None,
        "over_time_us": None,
        "healed": "none",
        "complete": False,
    },
    {
        "instrument": "kraken.spot.ETH-USDT",
        "exchange": "kraken",
        "market": "spot",
        "symbol": "ETH-USDT",
        "gap": "raw.kraken.spot/1/00000000000000000815/000000",
        "stream": "trades",
        "state": "closed",
        "cause": "disconnect",
        "expected": None,
        "seen": None,
        "missed": 0,
        "opened_time": "2026-01-05T09:12:03.250000Z",
        "opened_time_us": 1_767_604_323_250_000,
        "closed_time": "2026-01-05T09:12:07.750000Z",
        "closed_time_us": 1_767_604_327_750_000,
        "over_time": "2026-01-05T09:12:07.750000Z",
        "over_time_us": 1_767_604_327_750_000,
        "healed": "backfill",
        "complete": True,
    },
]

COMPLETENESS: list[dict[str, Any]] = [
    {
        "instrument": "binance.spot.BTC-USDT",
        "gaps": 0,
        "book_percent": "100",
        "trades": 812345,
        "missing": 0,
        "trades_percent": "100",
    },
    {
        "instrument": "okx.swap.SOL-USDT",
        "gaps": 3,
        "book_percent": "98.4102",
        "trades": 51234,
        "missing": 12,
        "trades_percent": "99.9765",
    },
]

STATS: dict[str, Any] = {
    "tables": [
        {
            "table": "trades",
            "rows": 812_345,
            "bytes": 6_291_456,
            "oldest": "2026-01-04T00:00:00.000000Z",
            "newest": "2026-01-05T10:00:00.000000Z",
        },
        {
            "table": "spreads",
            "rows": 4_100_200,
            "bytes": 29_360_128,
            "oldest": "2026-01-04T00:00:00.000000Z",
            "newest": "2026-01-05T10:00:00.000000Z",
        },
    ],
}

RULE: dict[str, Any] = {
    "id": "btc-70k",
    "name": "Bitcoin at 70000",
    "on": True,
    "exchange": "*",
    "market": "spot",
    "symbol": "BTC-USDT",
    "condition": {"kind": "price_crosses", "level": "70000", "direction": "up", "price": "trade"},
    "hysteresis": "0",
    "cooldown_s": "60",
    "webhook": None,
    "dashboard": True,
    "cleared": True,
}

ALERTS: list[dict[str, Any]] = [
    {
        "instrument": "binance.spot.ETH-USDT",
        "exchange": "binance",
        "market": "spot",
        "symbol": "ETH-USDT",
        "alert": "eth-spread binance.spot.ETH-USDT 1",
        "rule": "eth-spread",
        "rule_name": "ETH spread",
        "kind": "spread_bps_over",
        "state": "fired",
        "direction": None,
        "value": "12.5",
        "threshold": "10",
        "message": "ETH spread: binance.spot.ETH-USDT has a spread of 12.5 bps (over 10).",
        "dashboard": True,
        "receive_time": "2026-01-05T09:59:00.000000Z",
        "receive_time_us": 1_767_607_140_000_000,
        "event_id": "tops/0/00000000000000000001/000000",
    }
]


def _buffer(used: int, limit: int, lost: int = 0) -> dict[str, Any]:
    return {"used": used, "limit": limit, "policy": "wait", "lost": lost}


def status(clients: int) -> dict[str, Any]:
    """Counters grow by the clock: 2,000 frames a second."""
    passed_s = time.time() - _STARTED_S
    frames = int(2000 * passed_s)
    return {
        "version": "0.1.0",
        "uptime_s": round(passed_s, 1),
        "gateway": {
            "clients": clients,
            "subscriptions": 3 * clients,
            "events_per_s": 1840.5,
            "events_per_s_by_topic": {"trades": 310.2, "spreads": 1490.1, "book_snapshots": 40.2},
            "lag": 12,
            "memory_mib": 148.2,
            "latency_ms": {"p50": 4.1, "p99": 18.75},
            "buffers": {"events": _buffer(120, 10_000), "client messages": _buffer(3, 1000)},
        },
        "parts": [
            {
                "address": "http://127.0.0.1:8401",
                "part": "producer",
                "ok": True,
                "problems": {},
                "statistics": {
                    "uptime_s": round(passed_s, 1),
                    "frames": frames,
                    "in_flight": 3,
                    "reconnects": 1,
                    "errors": 0,
                    "undelivered": 0,
                    "buffers": {"producer records": _buffer(850, 1000)},
                    "markets": {
                        "binance.spot": {
                            "state": "connected",
                            "connections": 2,
                            "frames": frames,
                            "lost": 1,
                            "missing": [],
                            "unknown_symbols": [],
                            "weight_used": 250,
                            "weight_limit": 6000,
                            "age_s": {"book BTCUSDT": 0.012, "trades BTCUSDT": 1.5},
                        }
                    },
                },
            },
            {
                "address": "http://127.0.0.1:8402",
                "part": "worker",
                "ok": False,
                "problems": {"books": "waiting for a snapshot: okx.swap.SOL-USDT"},
                "statistics": {
                    "uptime_s": 61.0,
                    "frames": frames,
                    "lag": 40,
                    "instruments": {"binance.spot.BTC-USDT": {}},
                    "open_gaps": 1,
                    "dead_letters": 0,
                },
            },
            {
                "address": "http://127.0.0.1:8403",
                "part": None,
                "ok": False,
                "problems": {"status": "does not answer"},
                "statistics": None,
            },
        ],
        "collectors": [
            {"producer": "producer-1", "partitions": [0, 1], "instruments": ["binance.spot.BTC-USDT"]}
        ],
        "counters": {},
    }


def health() -> dict[str, Any]:
    """All is well."""
    up = {"ok": True, "message": None}
    return {
        "live": True,
        "ready": True,
        "dependencies": {"kafka": up, "clickhouse": up, "registry": up},
        "lag": {"records": 12},
        "version": "0.1.0",
        "uptime_s": 10.0,
    }
