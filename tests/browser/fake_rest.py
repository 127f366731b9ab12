"""The made-up gateway's REST side: what the dashboard asks for, in the forms of docs/gateway.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Body

from gateway.answers import answer, list_answer
from gateway.errors import ApiError
from tests.browser import fake_told
from tests.browser.fake_world import Instrument, World

__all__ = ["Told", "routes"]

_SECONDS = {
    "1s": 1,
    "5s": 5,
    "15s": 15,
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "1h": 3600,
    "4h": 14_400,
    "1d": 86_400,
}
_PAGE = 500


class Told:
    """What clients have changed, and what became of rules."""

    def __init__(self) -> None:
        self.rules: dict[str, dict[str, Any]] = {fake_told.RULE["id"]: fake_told.RULE}
        self.alerts: list[dict[str, Any]] = list(fake_told.ALERTS)
        self.stopped: set[str] = set()
        self.subscribed: dict[str, dict[str, Any]] = {}
        self.failing = ""
        """Said by every question for the summary, while it is not empty."""


def routes(world: World, told: Told, clients: Callable[[], int]) -> APIRouter:  # noqa: C901  a list of routes
    """All of them."""
    router = APIRouter()
    api = "/api/v1"

    def chosen(exchange: str, market: str, symbol: str) -> list[Instrument]:
        return [
            each
            for each in world.instruments.values()
            if exchange in ("", each.exchange) and market in ("", each.market) and symbol in ("", each.symbol)
        ]

    def known(exchange: str, market: str, symbol: str) -> Instrument:
        key = f"{exchange}.{market}.{symbol}"
        if key not in world.instruments:
            raise ApiError(
                404,
                "unknown_instrument",
                f"There is no instrument {key}.",
                hint="Did you mean binance.spot.BTC-USDT?",
                field="symbol",
            )
        return world.instruments[key]

    @router.get("/health")
    async def health() -> Any:
        return answer(fake_told.health())

    @router.get(f"{api}/config")
    async def config() -> Any:
        return answer({"gateway": {"stale_after_s": 15.0}})

    @router.get(f"{api}/prices")
    async def prices() -> Any:
        return list_answer([each.price() for each in world.instruments.values()])

    @router.get(f"{api}/summary")
    async def summary() -> Any:
        if told.failing:
            raise ApiError(503, "unavailable", told.failing)
        rows = [
            {
                **each.parts,
                "last": each.price()["last_price"],
                "change_percent": "-1.25" if number % 3 else "2.5",
                "quote_volume": f"{12_345_678 + 991 * number}.75",
            }
            for number, each in enumerate(world.instruments.values())
        ]
        return list_answer(rows)

    @router.get(f"{api}/instruments")
    async def instruments(cursor: int = 0, q: str = "") -> Any:
        found = [each for each in world.instruments.values() if q.lower() in each.key.lower()]
        page = found[cursor : cursor + _PAGE]
        return list_answer(
            [each.parts for each in page], str(cursor + _PAGE) if cursor + _PAGE < len(found) else None
        )

    @router.get(f"{api}/exchanges")
    async def exchanges() -> Any:
        return list_answer(
            [
                {
                    "exchange": "binance",
                    "markets": [
                        {"market": "spot", "instruments": 380, "live": 379, "collecting": 380},
                        {"market": "usdm", "instruments": 379, "live": 379, "collecting": 379},
                    ],
                },
                {
                    "exchange": "kraken",
                    "markets": [
                        {
                            "market": "spot",
                            "instruments": 379,
                            "live": 379,
                            "collecting": 0 if "kraken" in told.stopped else 379,
                        }
                    ],
                },
            ]
        )

    @router.get(f"{api}/consolidated")
    async def consolidated() -> Any:
        return list_answer(world.consolidated())

    @router.get(f"{api}/orderbook/stats")
    async def stats_of_books(exchange: str = "", market: str = "", symbol: str = "") -> Any:
        return list_answer(
            [
                {
                    **each.parts,
                    "levels_bid": 250,
                    "levels_ask": 250,
                    "bid_volume": "21.5",
                    "ask_volume": "18.25",
                    "imbalance": "0.081761",
                    "depth_10bps_bid": "1250000.5",
                    "depth_10bps_ask": "990000.25",
                    "depth_50bps_bid": "5250000.5",
                    "depth_50bps_ask": "4990000.25",
                    "updates_per_s": 9.8,
                }
                for each in chosen(exchange, market, symbol)[:50]
            ]
        )

    @router.get(f"{api}/orderbook/health")
    async def health_of_books() -> Any:
        return list_answer(
            [
                {
                    **each.parts,
                    "state": each.state,
                    "crossed": False,
                    "open_gaps": 0,
                    "last_gap": None,
                    "resyncs": 1,
                    "checked": 10,
                    **each.age(),
                }
                for each in world.moving()
            ]
        )

    @router.get(f"{api}/spreads/{{exchange}}/{{market}}/{{symbol}}")
    async def spreads(exchange: str, market: str, symbol: str) -> Any:
        price = known(exchange, market, symbol).price()
        rows = [
            {
                **price,
                "receive_time_us": price["receive_time_us"] - 1_000_000 * back,
                "spread_bps": f"0.0{15 + (back * 7) % 80}",
            }
            for back in range(1, 120)
        ]
        return list_answer(rows)

    @router.get(f"{api}/trades")
    async def trades(limit: int = 50) -> Any:
        rows = [trade for each in world.moving() for trade in each.trades]
        return list_answer(sorted(rows, key=lambda row: -row["receive_time_us"])[:limit])

    @router.get(f"{api}/klines/{{symbol}}")
    async def klines(symbol: str, exchange: str, market: str, interval: str = "1m", limit: int = 500) -> Any:
        return list_answer(world.bars(known(exchange, market, symbol), _SECONDS[interval], limit))

    @router.get(f"{api}/gaps")
    async def gaps(open: str = "") -> Any:  # noqa: A002  the contract's name
        return list_answer([each for each in fake_told.GAPS if not open or each["closed_time"] is None])

    @router.get(f"{api}/gaps/completeness")
    async def completeness() -> Any:
        return list_answer(fake_told.COMPLETENESS)

    @router.get(f"{api}/stats")
    async def stats() -> Any:
        return answer(fake_told.STATS)

    @router.get(f"{api}/status")
    async def status() -> Any:
        return answer(fake_told.status(clients()))

    @router.get(f"{api}/subscriptions")
    async def subscriptions() -> Any:
        return list_answer(
            [
                _subscription(world.instruments[name].parts)
                for name in ("binance.spot.BTC-USDT", "kraken.spot.ETH-USDT")
            ]
            + list(told.subscribed.values())
        )

    @router.post(f"{api}/subscriptions")
    async def subscribe(body: dict[str, Any] = Body(...)) -> Any:  # noqa: B008  as FastAPI has it
        if body["exchange"] not in ("binance", "kraken", "okx"):
            raise ApiError(
                404,
                "unknown_exchange",
                f"There is no exchange {body['exchange']}.",
                hint="Did you mean binance?",
                field="exchange",
            )
        key = f"{body['exchange']}.{body['market']}.{body['symbol']}"
        told.subscribed[key] = _subscription(
            {"instrument": key, **{name: body[name] for name in ("exchange", "market", "symbol")}},
            body.get("channels", []),
        )
        return answer(told.subscribed[key])

    @router.delete(f"{api}/subscriptions/{{exchange}}/{{market}}/{{symbol}}")
    async def unsubscribe(exchange: str, market: str, symbol: str) -> Any:
        key = f"{exchange}.{market}.{symbol}"
        told.subscribed.pop(key, None)
        return answer({"instrument": key, "state": "stopped", "on": False})

    @router.post(f"{api}/collectors/{{exchange}}/{{what}}")
    async def collectors(exchange: str, what: str) -> Any:
        (told.stopped.add if what == "stop" else told.stopped.discard)(exchange)
        changed = [each.parts for each in world.moving() if each.exchange == exchange]
        return list_answer(
            [
                {**_subscription(each), "state": "stopped" if what == "stop" else "collected"}
                for each in changed
            ]
        )

    @router.get(f"{api}/alerts")
    async def alerts() -> Any:
        return list_answer(told.alerts)

    @router.get(f"{api}/alerts/rules")
    async def rules() -> Any:
        return list_answer(list(told.rules.values()))

    @router.post(f"{api}/alerts/rules")
    async def add_rule(body: dict[str, Any] = Body(...)) -> Any:  # noqa: B008  as FastAPI has it
        if body["id"] in told.rules:
            raise ApiError(409, "conflict", f"There is a rule {body['id']} already.", field="id")
        told.rules[body["id"]] = body
        return answer(body)

    @router.put(f"{api}/alerts/rules/{{name}}")
    async def change_rule(name: str, body: dict[str, Any] = Body(...)) -> Any:  # noqa: B008  as FastAPI has it
        told.rules[name] = body
        return answer(body)

    @router.delete(f"{api}/alerts/rules/{{name}}")
    async def delete_rule(name: str) -> Any:
        del told.rules[name]
        return answer({"id": name})

    return router


def _subscription(parts: dict[str, str], channels: list[str] | None = None) -> dict[str, Any]:
    return {
        **parts,
        "on": True,
        "channels": channels or [],
        "asked_by": "tests",
        "asked_time": "2026-01-05T10:00:00.000000Z",
        "collector": "producer-1",
        "state": "collected",
    }
