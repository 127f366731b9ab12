"""What the gateway says of the past, on a real ClickHouse: page by page, as bars, as a day, and whatever anybody writes into its parameters."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from clickhouse_connect.driver.client import Client
from fastapi import FastAPI

from bookmill.addresses import Addresses
from bookmill.decimals import scaled_int
from gateway.app import create_app
from gateway.assembly import create_context
from gateway.context import Context
from gateway.intervals import INTERVALS
from gateway.live import LiveState
from schemas.catalogue import TABLE_TOPICS
from sinks.client import connect
from sinks.tables import create_tables, create_views
from tests.integration.conftest import isolated
from tests.integration.parts import wait_until

HOUR_US = 3_600_000_000
NOW_US = time.time_ns() // 1000
BEGIN_US = NOW_US - 30 * HOUR_US
TRADES = 3000
NAMES = ("exchange", "market", "symbol")
BTC = ("binance", "spot", "BTC-USDT")
ETH = ("okx", "swap", "ETH-USDT")


@dataclass
class World:
    """A gateway without its feed, on tables that are filled here."""

    context: Context
    app: FastAPI
    client: Client
    database: str
    trades: list[dict[str, Any]] = field(default_factory=list)

    def get(self, path: str, **parameters: Any) -> httpx2.Response:
        return self.call("GET", path, parameters)

    def call(
        self, method: str, path: str, parameters: Mapping[str, Any] = {}, body: Any = None
    ) -> httpx2.Response:
        async def once() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, client=("127.0.0.1", 5))
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
                return await client.request(method, path, params=dict(parameters), json=body)

        return self.loop.run_until_complete(once())

    def forget(self) -> None:
        """What was live."""
        self.context.live = LiveState(recent_trades=1000)

    def data(self, path: str, **parameters: Any) -> Any:
        answer = self.get(f"/api/v1/{path}", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def pages(
        self, path: str, between: Callable[[], None] = lambda: None, **parameters: Any
    ) -> list[dict[str, Any]]:
        """All items; ``between`` happens after each page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self.get(f"/api/v1/{path}", **parameters, cursor=cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["data"]) <= parameters.get("limit", 500)
            found += page["data"]
            cursor = page["next"] or ""
            if not cursor:
                return found
            between()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [
            tuple(row)
            for row in self.client.query(query.replace("FROM ", f"FROM {self.database}.")).result_rows
        ]

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        values = ", ".join("(" + ", ".join(_sql(name, row[name]) for name in names) + ")" for row in rows)
        self.client.command(f"INSERT INTO {self.database}.{table} ({', '.join(names)}) VALUES {values}")

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)


def _sql(name: str, value: Any) -> str:
    if value is None:
        return "NULL"
    if name.endswith("_time"):
        return f"fromUnixTimestamp64Micro({value})"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def event(number: int, at_us: int, name: tuple[str, str, str] = BTC, **more: Any) -> dict[str, Any]:
    return {
        **dict(zip(NAMES, name)),
        "source": "ws",
        "receive_time": at_us,
        "source_topic": f"raw.{name[0]}.{name[1]}",
        "source_partition": 3,
        "source_offset": number,
        "source_index": 0,
        **more,
    }


def trade(number: int, at_us: int, name: tuple[str, str, str] = BTC, **more: Any) -> dict[str, Any]:
    draw = random.Random(number)
    return event(
        number,
        at_us,
        name,
        **{
            "trade_id": str(1_000_000 + number),
            "price": f"{draw.randrange(90, 110)}.{draw.randrange(1, 10)}",
            "quantity": f"0.{draw.randrange(1, 10**17):018d}".rstrip("0"),
            "contracts": None,
            "side": draw.choice(["BUY", "SELL"]),
            "aggregated": False,
            "exchange_time": at_us - draw.randrange(0, 50_000),
            **more,
        },
    )


@pytest.fixture(scope="module")
def world(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    settings = isolated(addresses).model_copy(update={"data_dir": folder})
    client = connect(settings.clickhouse, settings.clickhouse.url or "")
    create_tables(client, settings.clickhouse.database, TABLE_TOPICS)
    create_views(client, settings.clickhouse.database)
    context = create_context(settings, addresses, subscriptions_schema_id=1, alerts_schema_id=2)
    context.clock = lambda: NOW_US
    made = World(context, create_app(context), client, settings.clickhouse.database)
    draw = random.Random(7)
    at_us = BEGIN_US
    for number in range(TRADES):
        at_us += draw.choice([0, 0, 1, 40_000_000, 60_000_000])  # many at the same moment
        made.trades.append(trade(number, at_us, source_index=number % 3))
    made.insert("trades", made.trades)
    made.insert("trades", [trade(number, BEGIN_US + number * HOUR_US, ETH) for number in range(24)])
    yield made
    made.loop.run_until_complete(context.archive.__aexit__(None, None, None))
    made.loop.close()
    client.close()


def keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["event_id"] for row in rows]


def stored_keys(world: World, table: str, order: str) -> list[str]:
    by = ", ".join(
        f"{name} {order}"
        for name in ("receive_time", "source_offset", "source_index", "source_topic", "source_partition")
    )
    return [key for (key,) in world.rows(f"SELECT event_id FROM {table} ORDER BY {by}")]


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_paging_gives_every_row_once_and_in_order(world: World, order: str) -> None:
    found = world.pages("history/trades", limit=137, order=order)
    assert keys(found) == stored_keys(world, "trades", order)
    assert len(found) == TRADES + 24


def test_rows_that_come_meanwhile_move_nothing(world: World) -> None:
    name = ("binance", "spot", "SOL-USDT")
    before = [trade(number, BEGIN_US + number // 7, name) for number in range(300)]
    world.insert("trades", before)
    new = iter(range(1000, 2000))

    def newer() -> None:
        world.insert("trades", [trade(next(new), BEGIN_US + 10_000 + number, name) for number in range(5)])

    found = world.pages("trades/binance/spot/SOL-USDT", newer, limit=31)
    assert [each["trade_id"] for each in found] == [each["trade_id"] for each in reversed(before)]
    found = world.pages(
        "trades/binance/spot/SOL-USDT", newer, limit=31, until=str(BEGIN_US + 40), since=str(BEGIN_US + 3)
    )
    assert [each["trade_id"] for each in found] == [
        each["trade_id"] for each in reversed(before) if BEGIN_US + 3 <= each["receive_time"] < BEGIN_US + 40
    ]
    world.client.command(f"DELETE FROM {world.database}.trades WHERE symbol = 'SOL-USDT'")


def test_a_cursor_is_good_for_its_own_list_only(world: World) -> None:
    cursor = world.get("/api/v1/history/trades", limit=5, symbol="BTC-USDT").json()["next"]
    assert world.get("/api/v1/history/trades", limit=9, symbol="BTC-USDT", cursor=cursor).status_code == 200
    for path, more in (
        ("history/trades", {}),
        ("history/trades", {"symbol": "ETH-USDT"}),
        ("history/trades", {"symbol": "BTC-USDT", "order": "asc"}),
        ("history/spreads", {"symbol": "BTC-USDT"}),
        ("gaps", {}),
        ("klines/BTC-USDT", {}),
    ):
        answer = world.get(f"/api/v1/{path}", limit=5, cursor=cursor, **more)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_cursor")


def test_trades_are_the_same_from_memory_and_from_clickhouse(world: World) -> None:
    stored = world.data("trades/binance/spot/BTC-USDT", limit=400)
    live = world.context.live
    for each in world.trades[-700:]:
        numbers = {name: scaled_int(each[name]) for name in ("price", "quantity")}
        live.take("trades", {**each, **numbers})
    try:
        world.insert("trades", [trade(99_999, NOW_US)])  # what memory does not know is not asked for
        assert world.data("trades/binance/spot/BTC-USDT", limit=400) == stored
        world.client.command(f"DELETE FROM {world.database}.trades WHERE source_offset = 99999")
        paged = world.pages("trades/binance/spot/BTC-USDT", limit=300)
        assert keys(paged) == [
            key for key in stored_keys(world, "trades", "desc") if key.startswith("raw.binance.")
        ]
        assert [list(each) for each in paged[:1]] == [list(each) for each in paged[-1:]]
    finally:
        world.forget()


def by_hand(trades: Sequence[Mapping[str, Any]], interval: str) -> list[dict[str, Any]]:
    """Bars, counted trade by trade."""
    bars: dict[int, list[Mapping[str, Any]]] = {}
    ordered = sorted(trades, key=lambda each: (each["exchange_time"], int(each["trade_id"])))
    for each in ordered:
        bars.setdefault(INTERVALS[interval].begin(each["exchange_time"]), []).append(each)
    return [
        {
            "open_time_us": begin_us,
            "open": Decimal(found[0]["price"]),
            "high": max(Decimal(each["price"]) for each in found),
            "low": min(Decimal(each["price"]) for each in found),
            "close": Decimal(found[-1]["price"]),
            "volume": sum(Decimal(each["quantity"]) for each in found),
            "quote_volume": sum(exact(each["quantity"], each["price"]) for each in found),
            "trades": len(found),
            "closed": INTERVALS[interval].next(begin_us) <= NOW_US,
        }
        for begin_us, found in sorted(bars.items())
    ]


def exact(one: str, other: str) -> Decimal:
    return Decimal(scaled_int(one) * scaled_int(other)).scaleb(-36)


def numbers(bar: Mapping[str, Any]) -> dict[str, Any]:
    texts = ("open", "high", "low", "close", "volume", "quote_volume")
    names = ("open_time_us", *texts, "trades", "closed")
    return {name: Decimal(bar[name]) if name in texts else bar[name] for name in names}


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_bars_built_from_trades_are_those_counted_by_hand(world: World, interval: str) -> None:
    expected = by_hand(world.trades, interval)
    found = world.pages("klines/BTC-USDT", interval=interval, since="1970-01-01", limit=500)
    assert [numbers(bar) for bar in found] == expected
    assert {(bar["source"], bar["built_from"]) for bar in found} == {("trades", None)}
    newest = world.data("klines/BTC-USDT", interval=interval, limit=3)
    assert [numbers(bar) for bar in newest] == expected[-3:]


def kline(number: int, interval: str, open_us: int, prices: str, **more: Any) -> dict[str, Any]:
    opened, high, low, close = prices.split()
    return event(
        number,
        open_us + 2_000_000 + number,
        **{
            "interval": interval,
            "open_time": open_us,
            "open_price": opened,
            "high_price": high,
            "low_price": low,
            "close_price": close,
            "volume": "1.5",
            "quote_volume": "150",
            "trades": 3,
            "closed": True,
            "exchange_time": None,
            **more,
        },
    )


def test_the_exchanges_bars_come_first_then_those_put_together_then_trades(world: World) -> None:
    hour = INTERVALS["1h"].begin(BEGIN_US + 2 * HOUR_US)
    minutes = [
        kline(number, "15m", hour + number * HOUR_US // 4, prices)
        for number, prices in enumerate(
            ["1 3 1 2", "2 9 2 3", "3 4 0.5 4", "4 5 3 4.5"]
            + ["5 6 5 6"] * 3
            + ["7 8 7 8", "8 9 8 9"]
            + ["1 1 1 1"] * 2
        )
    ]
    del minutes[5]  # the second hour is not whole
    growing = kline(
        50, "15m", minutes[0]["open_time"], "9 9 9 9", receive_time=minutes[0]["receive_time"] - 1
    )
    own = [
        kline(60, "1h", hour + 3 * HOUR_US, "20 21 19 20.5", volume=None),
        kline(61, "1h", hour + 3 * HOUR_US, "20 22 19 20.25", volume=None, closed=None),
    ]
    world.insert("klines", [*minutes, growing, *own])
    try:
        found = {
            bar["open_time_us"]: bar
            for bar in world.data("klines/BTC-USDT", interval="1h", since=str(hour), limit=8)
        }
        whole, holed, running, told = (found[hour + number * HOUR_US] for number in range(4))
        assert [whole[name] for name in ("open", "high", "low", "close")] == ["1", "9", "0.5", "4.5"]
        assert (whole["volume"], whole["quote_volume"], whole["trades"]) == ("6", "600", 12)
        assert (whole["source"], whole["built_from"], whole["closed"]) == ("venue", "15m", True)
        assert (holed["source"], holed["built_from"]) == ("trades", None)
        assert (running["built_from"], running["closed"]) == ("15m", False), (
            "its last part is the newest there is"
        )
        assert (running["open"], running["close"], running["trades"]) == ("8", "1", 9)
        assert (told["high"], told["close"], told["volume"]) == ("22", "20.25", None)
        assert (told["source"], told["built_from"], told["closed"]) == ("venue", None, True)
        assert list(found) == sorted(found)
        assert len(found) == 8
        venue = world.data("klines/BTC-USDT", interval="1h", source="venue", since=str(hour), limit=8)
        assert [bar["open_time_us"] for bar in venue] == [hour, hour + 2 * HOUR_US, hour + 3 * HOUR_US]
        trades = world.data("klines/BTC-USDT", interval="1h", source="trades", since=str(hour), limit=8)
        assert {bar["source"] for bar in trades} == {"trades"}
    finally:
        world.client.command(f"TRUNCATE TABLE {world.database}.klines")


def test_which_instrument_is_meant_has_to_be_clear(world: World) -> None:
    assert world.data("klines/ETH-USDT", interval="1d", exchange="okx", market="swap")
    assert world.data("klines/ETH-USDT", interval="1d")
    other = ("binance", "usdm", "ETH-USDT")
    world.insert("trades", [trade(1, BEGIN_US, other)])
    try:
        error = world.get("/api/v1/klines/ETH-USDT").json()["error"]
        assert (error["status"], error["field"]) == (400, "exchange")
        assert "binance.usdm, okx.swap" in error["message"]
        assert world.data("klines/ETH-USDT", exchange="okx")
        assert world.get("/api/v1/klines/ETH-USDX").json()["error"]["code"] == "unknown_instrument"
        assert world.get("/api/v1/klines/ETH-USDT", exchange="okx", market="spot").status_code == 404
    finally:
        world.client.command(f"DELETE FROM {world.database}.trades WHERE market = 'usdm'")


def test_a_day_is_counted_from_trades_where_no_ticker_tells_it(world: World) -> None:
    live = world.context.live
    live.take("spreads", {**_top(BTC), "receive_time": NOW_US})
    live.take("spreads", {**_top(ETH), "receive_time": NOW_US})
    ticker = dict.fromkeys(
        ("high_price", "low_price", "volume", "quote_volume", "trades", "price_change_percent")
    )
    live.take(
        "tickers",
        {**_top(ETH), **ticker, "last_price": 5 * 10**18, "open_price": 10**18, "price_change": 4 * 10**18},
    )
    try:
        told, counted = world.data("summary", exchange="okx")[0], world.data("summary", exchange="binance")[0]
        assert (told["source"], told["last"], told["change"], told["volume"]) == ("ticker", "5", "4", None)
        day = sorted(
            (each for each in world.trades if each["exchange_time"] >= NOW_US - 24 * HOUR_US),
            key=lambda each: (each["exchange_time"], int(each["trade_id"])),
        )
        prices = [Decimal(each["price"]) for each in day]
        assert counted["source"] == "trades"
        assert (Decimal(counted["last"]), counted["trades"]) == (prices[-1], len(day))
        assert (Decimal(counted["high"]), Decimal(counted["low"])) == (max(prices), min(prices))
        assert Decimal(counted["change"]) == prices[-1] - prices[0]
        percent = (prices[-1] - prices[0]) * 100 / prices[0]
        assert abs(Decimal(counted["change_percent"]) - percent) < Decimal("1e-17")
        assert Decimal(counted["volume"]) == sum(Decimal(each["quantity"]) for each in day)
        assert counted["covered_s"] == (NOW_US - day[0]["exchange_time"]) // 1_000_000
        assert counted["spread_bps"] == "1"
    finally:
        world.forget()


def _top(name: tuple[str, str, str]) -> dict[str, Any]:
    scaled = dict.fromkeys(
        ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread"), 10**18
    )
    return event(1, NOW_US, name, origin="book", state="live", update_id=1, spread_bps=10**18, **scaled)


def test_gaps_come_page_by_page_as_they_stand(world: World) -> None:
    rows = [
        event(
            number,
            NOW_US - (number + 1) * 60_000_000,
            gap=f"gap{number}",
            stream=("book", "trades")[number % 2],
            phase=phase,
            cause="sequence",
            missed=number,
            first_trade_id=number,
            attempts=1,
            opened_time=NOW_US - (number + 1) * 60_000_000,
            closed_time=NOW_US - number * 60_000_000 if phase == "closed" else None,
            healed="backfill" if phase == "closed" else "none",
            complete=phase == "closed",
        )
        for number in range(40)
        for phase in (("opened", "closed") if number % 4 else ("opened",))
    ]
    world.insert("gaps", rows)
    try:
        found = world.pages("gaps", limit=7)
        assert [each["gap"] for each in found] == [f"gap{number}" for number in range(40)]
        assert found[1]["state"] == "closed"
        assert found[1]["closed_time_us"] - found[1]["opened_time_us"] == 60_000_000
        assert found[0]["state"] == "open"
        assert [each["gap"] for each in world.pages("gaps", limit=2, open="true")] == ["gap0"]
        trades = world.pages("gaps", limit=7, stream="trades", since="10m")
        assert [each["gap"] for each in trades] == [f"gap{number}" for number in range(1, 11, 2)]
        assert world.data("gaps", exchange="okx") == []
        complete = {each["instrument"]: each for each in world.data("gaps/completeness", since="2d")}
        assert complete["okx.swap.ETH-USDT"]["trades"] == 24
        assert complete["okx.swap.ETH-USDT"]["trades_percent"] == "100"
        assert complete["binance.spot.BTC-USDT"]["gaps"] == 40
        missing = sum(range(1, 40, 2))
        assert complete["binance.spot.BTC-USDT"]["missing"] == missing
        share = Decimal(100 * TRADES) / (TRADES + missing)
        assert complete["binance.spot.BTC-USDT"]["trades_percent"] == str(share)[:7].rstrip("0")
    finally:
        world.client.command(f"TRUNCATE TABLE {world.database}.gaps")


def test_where_no_producer_has_ever_shared_nothing_is_collected(world: World) -> None:
    # A broker makes its own list of groups when it is first asked for one, which may take longer than it is waited for.
    wait_until(
        lambda: world.get("/api/v1/subscriptions").status_code == 200, "Kafka says that there is no group"
    )
    assert world.data("subscriptions") == []


EVIL = (
    "' OR 1=1 --",
    "\\'; DROP TABLE trades; --",
    "') UNION ALL SELECT * FROM system.users --",
    "{x:String}",
    "\x00",
    "a\tb\nc",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "💥" * 50,
    "x" * 3000,
)
GOOD = {"exchange": "binance", "market": "spot", "symbol": "BTC-USDT", "table": "trades"}


def test_nothing_that_anybody_writes_into_any_parameter_does_anything(world: World) -> None:
    """All of the API's parameters, as the documentation lists them, mine and those of others."""
    before = world.rows("SELECT count(), sum(cityHash64(*)) FROM trades")
    turns = itertools.cycle(EVIL)
    asked = 0
    for path, methods in world.app.openapi()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            for evil in ("'", next(turns), next(turns)):
                if parameter["in"] == "path" and "/" in evil:
                    continue
                where = dict(GOOD)
                query = {}
                if parameter["in"] == "path":
                    where[parameter["name"]] = evil
                else:
                    query[parameter["name"]] = evil
                answer = world.get(
                    path.format_map({name: _escaped(value) for name, value in where.items()}), **query
                )
                asked += 1
                told = f"{path} {parameter['name']}={evil!r}: {answer.status_code} {answer.text[:300]}"
                if answer.status_code == 200:  # a filter that nothing passes
                    assert parameter["in"] == "query", told
                    data = answer.json()["data"]
                    lists = data.values() if isinstance(data, dict) else [data]
                    assert not any(each for each in lists if isinstance(each, list)), told
                else:
                    assert 400 <= answer.status_code < 500 or answer.json()["error"]["code"] == "not_ready", (
                        told
                    )
                    assert "DB::Exception" not in answer.text, told
    assert asked > 200
    assert world.rows("SELECT count(), sum(cityHash64(*)) FROM trades") == before


def _escaped(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@pytest.mark.parametrize(
    ("path", "parameters", "code", "named"),
    [
        ("history/tradez", {}, "unknown_table", "table"),
        ("history/trades", {"limit": 10_001}, "bad_range", "limit"),
        ("history/trades", {"limit": 0}, "bad_request", "limit"),
        ("history/trades", {"limit": "many"}, "bad_request", "limit"),
        ("history/trades", {"since": "1h", "until": "2h"}, "bad_range", "since"),
        ("history/trades", {"since": "-1"}, "bad_request", "since"),
        ("history/trades", {"since": "9999-01-01"}, "bad_range", "since"),
        ("history/trades", {"since": "9999999w"}, "bad_range", "since"),
        ("history/trades", {"order": "up"}, "bad_request", "order"),
        ("history/trades", {"cursor": "AAAA"}, "bad_cursor", "cursor"),
        ("history/trades", {"exchange": "binanze"}, "unknown_exchange", "exchange"),
        ("history/consolidated", {"exchange": "binance"}, "bad_request", "exchange"),
        ("trades/binance/spot/BTC-USDX", {}, "unknown_exchange", "exchange"),
        ("spreads/binance/spot/BTC-USDT", {"origin": "moon"}, "bad_request", "origin"),
        ("klines/BTC-USDT", {"interval": "7m"}, "bad_request", "interval"),
        ("klines/BTC-USDT", {"source": "guess"}, "bad_request", "source"),
        ("klines/XYZ-USDT", {}, "unknown_instrument", "symbol"),
        ("gaps", {"open": "perhaps"}, "bad_request", "open"),
        ("gaps", {"since": "yesterday"}, "bad_request", "since"),
    ],
)
def test_bad_questions_get_the_reason(
    world: World, path: str, parameters: dict[str, Any], code: str, named: str
) -> None:
    answer = world.get(f"/api/v1/{path}", **parameters)
    error = answer.json()["error"]
    assert 400 <= answer.status_code < 500
    assert (error["code"], error["field"]) == (code, named)
