"""The gateway on the whole pipeline: what it says now is what ClickHouse holds, also after a restart."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from websockets.sync.client import ClientConnection, connect

from bookmill.addresses import Addresses
from tests.integration.conftest import isolated
from tests.integration.parts import wait_until
from tests.integration.pipeline import Pipeline
from tests.integration.reading import events

INSTRUMENTS = [
    f"binance.{market}.{symbol}" for market in ("spot", "usdm") for symbol in ("BTC-USDT", "ETH-USDT")
]
NUMBERS = ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread", "spread_bps")


@pytest.fixture(scope="module")
def running(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Four instruments, by a producer that others may tell what to collect."""
    with Pipeline(isolated(addresses), tmp_path_factory.mktemp("pipeline")) as started:
        started.start(producer__shared="true", producer__connection_id="shared")
        yield started


@pytest.fixture(scope="module")
def pipeline(running: Pipeline) -> Pipeline:
    """The same at rest: some seconds of all four."""
    wait_until(lambda: len(running.data("trades")) == 100, "there are trades")
    wait_until(lambda: len(running.data("tickers")) == 4, "there are tickers")
    begun_s = time.monotonic()

    def live() -> bool:
        """All four, by what came since: one that was subscribed anew just before is found lost with its first change."""
        books = running.data("orderbook/health")
        waited_ms = (time.monotonic() - begun_s) * 1000
        return [each["state"] for each in books if each["age_ms"] < waited_ms] == ["live"] * 4

    wait_until(live, "books are live")
    running.come_to_rest()
    return running


def latest(pipeline: Pipeline, table: str, more: str = "") -> dict[str, dict[str, Any]]:
    """The last row of each instrument."""
    rows = asyncio.run(
        pipeline.rows(
            f"SELECT *, event_id, toUnixTimestamp64Micro(receive_time) AS received FROM {table} {more}"
            " ORDER BY source_offset DESC, source_index DESC LIMIT 1 BY exchange, market, symbol"
        )
    )
    return {f"{row['exchange']}.{row['market']}.{row['symbol']}": row for row in rows}


SPOT = "binance/spot"


def call(running: Pipeline, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    return httpx2.request(
        method,
        f"{running.address}/api/v1/{path}",
        params={"wait": "40"},
        json=body,
        headers=headers,
        timeout=60,
    )


def states(answer: Any) -> dict[str, str]:
    return {each["instrument"]: each["state"] for each in answer}


API = {"spot": "/api/v3", "usdm": "/fapi/v1"}
Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def exchange_says(running: Pipeline, key: str, what: str, **more: Any) -> Any:
    """The simulated exchange's own REST."""
    _, market, symbol = key.split(".")
    address = running.exchange[market]["rest"] + API[market]
    return httpx2.get(f"{address}/{what}", params={"symbol": symbol.replace("-", ""), **more}).json()


def book_of(answer: Any) -> Sides:
    bids, asks = (
        {Decimal(price): Decimal(quantity) for price, quantity in answer[side]} for side in ("bids", "asks")
    )
    return bids, asks


def follow(socket: ClientConnection, books: dict[int, Sides], for_s: float) -> None:
    """Apply what comes of one book; ``books`` gets how it stands at each update id."""
    until_s = time.monotonic() + for_s
    while (left_s := until_s - time.monotonic()) > 0:
        try:
            message = json.loads(socket.recv(timeout=left_s))
        except TimeoutError:
            return
        if message["type"] not in {"snapshot", "update"}:
            continue
        changed = book_of(message["data"])
        before: Sides = ({}, {}) if message["type"] == "snapshot" else books[max(books)]
        bids, asks = (
            {price: quantity for price, quantity in (old | new).items() if quantity}
            for old, new in zip(before, changed)
        )
        books[message["data"]["update_id"]] = (bids, asks)


@pytest.mark.parametrize("key", INSTRUMENTS[::3])
def test_a_followed_book_is_the_exchanges_own_at_each_update_id(running: Pipeline, key: str) -> None:
    """What the simulated exchange itself says is the truth."""
    books: dict[int, Sides] = {}
    told: dict[int, Sides] = {}
    with connect(f"{running.address.replace('http', 'ws')}/api/v1/ws", max_size=None) as socket:
        socket.send(json.dumps({"op": "subscribe", "channel": "book", "instrument": key}))
        follow(socket, books, 0.5)
        for _ in range(25):
            said = exchange_says(running, key, "depth", limit=500)
            told[said["lastUpdateId"]] = book_of(said)
            follow(socket, books, 0.3)
            if len(compared := told.keys() & books.keys()) > 2:  # most are between two diffs
                break
    assert compared
    for update_id in compared:
        assert books[update_id] == told[update_id]


@pytest.mark.parametrize("key", INSTRUMENTS)
def test_trades_are_the_exchanges_own(running: Pipeline, key: str) -> None:
    theirs = {str(one["id"]): one for one in exchange_says(running, key, "trades")}
    ours = {one["trade_id"]: one for one in running.data(f"trades/{key.replace('.', '/')}", limit=500)}
    both = theirs.keys() & ours.keys()
    assert len(both) > 20
    for trade_id in both:
        one, other = theirs[trade_id], ours[trade_id]
        assert Decimal(one["price"]) == Decimal(other["price"])
        assert Decimal(one["qty"]) == Decimal(other["quantity"])
        assert other["side"] == ("SELL" if one["isBuyerMaker"] else "BUY")
        assert other["exchange_time_us"] // 1000 == one["time"]
    first, last = (pick(map(int, both)) for pick in (min, max))
    assert len(both) == last - first + 1, "none is left out"


def test_what_is_asked_for_is_collected_and_what_is_ended_is_not(running: Pipeline) -> None:
    four = set(INSTRUMENTS)
    wait_until(
        lambda: states(running.data("subscriptions")) == dict.fromkeys(four, "collected"),
        "all are collected",
    )
    shown = running.data("subscriptions", market="spot", symbol="ETH-USDT")
    assert [each["collector"] for each in shown] == ["shared"]
    assert shown[0]["asked_by"].startswith("settings")

    ended = call(running, "DELETE", f"subscriptions/{SPOT}/ETH-USDT")
    assert (ended.status_code, ended.json()["data"]["state"]) == (200, "stopped"), ended.text
    assert running.producer.status()["subscriptions"]["collected"] == sorted(four - {"binance.spot.ETH-USDT"})

    wanted = {
        "exchange": "Binance",
        "market": "spot",
        "symbol": "eth-usdt",
        "channels": ["trades", "best"],
    }
    begun = call(running, "POST", "subscriptions", wanted)
    assert (begun.status_code, begun.json()["data"]["state"]) == (200, "collected"), begun.text
    assert begun.json()["data"]["channels"] == ["trades", "best"]
    assert begun.json()["data"]["asked_by"] == "gateway 127.0.0.1"

    unknown = call(running, "POST", "subscriptions", {**wanted, "symbol": "ETHH-USDT"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_instrument")
    assert "ETH-USDT" in unknown.json()["error"]["hint"]
    for body, field in (
        ({**wanted, "channels": ["books"]}, "channels.0"),
        ({**wanted, "more": 1}, "more"),
        ([], None),
    ):
        refused = call(running, "POST", "subscriptions", body)
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, field)
    assert call(running, "DELETE", f"subscriptions/{SPOT}/ADA-USDT").status_code == 404
    assert call(running, "POST", "collectors/binanze/stop").json()["error"]["hint"] == "Did you mean binance?"
    foreign = call(running, "POST", "collectors/binance/stop", origin="http://evil.example")
    assert foreign.status_code == 403
    assert states(running.data("subscriptions")) == dict.fromkeys(four, "collected"), "nothing has changed"

    call(running, "DELETE", "subscriptions/binance/usdm/BTC-USDT")
    left = four - {"binance.usdm.BTC-USDT"}
    stopped = call(running, "POST", "collectors/binance/stop").json()["data"]
    assert states(stopped) == dict.fromkeys(left, "stopped")
    assert running.producer.status()["subscriptions"]["collected"] == []
    started = call(running, "POST", "collectors/binance/start").json()["data"]
    assert states(started) == dict.fromkeys(left, "collected"), started
    by_key = {each["instrument"]: each for each in started}
    assert by_key["binance.spot.ETH-USDT"]["channels"] == ["trades", "best"]
    assert by_key["binance.spot.BTC-USDT"]["asked_by"].startswith("settings")
    for key in INSTRUMENTS:  # all as it was
        exchange, market, symbol = key.split(".")
        again = call(
            running, "POST", "subscriptions", {"exchange": exchange, "market": market, "symbol": symbol}
        )
        assert again.json()["data"]["state"] == "collected", again.text


def test_it_is_ready_and_says_how_it_is(pipeline: Pipeline) -> None:
    health = pipeline.get("/health").json()["data"]
    assert health["ready"]
    assert health["lag"] == {"records": 0, "caught_up": True}
    status = pipeline.data("status")
    assert {each["part"] for each in status["parts"]} >= {"worker", "sink"}
    assert status["counters"]["unreadable"] == 0
    assert status["counters"]["events"]["spreads"] > 0
    assert "bookmill_gateway_events_total" in pipeline.get("/metrics").text
    assert [each["exchange"] for each in pipeline.data("exchanges")] == ["binance"]


def test_best_prices_are_the_last_ones_stored(pipeline: Pipeline) -> None:
    stored = latest(pipeline, "spreads", "WHERE origin = 'book'")
    shown = {each["instrument"]: each for each in pipeline.data("spreads", origin="book")}
    assert sorted(shown) == sorted(stored) == INSTRUMENTS
    for key, row in stored.items():
        assert shown[key]["event_id"] == row["event_id"]
        assert [shown[key][name] for name in NUMBERS] == [row[name] for name in NUMBERS]
        assert shown[key]["receive_time_us"] == row["received"]


def test_tickers_are_the_last_ones_stored(pipeline: Pipeline) -> None:
    stored = latest(pipeline, "tickers")
    shown = {each["instrument"]: each for each in pipeline.data("tickers")}
    assert {key: each["event_id"] for key, each in shown.items()} == {
        key: row["event_id"] for key, row in stored.items()
    }
    for key, row in stored.items():
        assert (shown[key]["last_price"], shown[key]["volume"]) == (row["last_price"], row["volume"])


def test_the_newest_trades_are_those_stored(pipeline: Pipeline) -> None:
    for market in ("spot", "usdm"):
        shown = pipeline.data("trades", market=market, symbol="BTC-USDT", limit=50)
        rows = asyncio.run(
            pipeline.rows(
                f"SELECT event_id, price, quantity, side FROM trades WHERE market = '{market}' AND symbol = 'BTC-USDT'"
                " ORDER BY source_offset DESC, source_index DESC LIMIT 50"
            )
        )
        names = ("event_id", "price", "quantity", "side")
        assert [[each[name] for name in names] for each in shown] == [list(row.values()) for row in rows]


def test_a_snapshot_is_the_same_from_memory_and_from_clickhouse(pipeline: Pipeline) -> None:
    for key in INSTRUMENTS:
        path = f"orderbook/{key.replace('.', '/')}/snapshot"
        cached, stored = pipeline.data(path), pipeline.data(path, cached="false")
        for changing in ("age_ms", "stale"):
            del cached[changing], stored[changing]
        assert cached == stored
        assert len(cached["bids"]) == 20
        before = pipeline.data(path, at=str(cached["receive_time_us"] - 1))
        assert before["receive_time_us"] < cached["receive_time_us"]


def test_history_is_what_is_stored(pipeline: Pipeline) -> None:
    for table in (
        "trades",
        "spreads",
        "book_snapshots",
        "tickers",
        "klines",
        "derivatives",
        "gaps",
        "instruments",
    ):
        [row] = asyncio.run(pipeline.rows(f"SELECT count() AS stored FROM {table}"))
        found: list[str] = []
        cursor = ""
        while True:
            page = pipeline.get(f"/api/v1/history/{table}", limit=5000, cursor=cursor).json()
            found += [
                each.get("event_id") or f"{each['instrument']} {each['seen_time_us']}"
                for each in page["data"]
            ]
            cursor = page["next"]
            if not cursor:
                break
        assert (len(found), len(set(found))) == (row["stored"], row["stored"]), table


def test_the_trades_of_an_instrument_are_all_of_them_out_of_memory_and_clickhouse(pipeline: Pipeline) -> None:
    rows = asyncio.run(
        pipeline.rows(
            "SELECT event_id, price, quantity FROM trades WHERE market = 'usdm' AND symbol = 'BTC-USDT'"
            " ORDER BY receive_time DESC, source_offset DESC, source_index DESC"
        )
    )
    found: list[dict[str, Any]] = []
    cursor = ""
    while len(found) < len(rows):
        page = pipeline.get("/api/v1/trades/binance/usdm/BTC-USDT", limit=333, cursor=cursor).json()
        found += page["data"]
        cursor = page["next"] or ""
    assert cursor == ""
    assert [[each[name] for name in ("event_id", "price", "quantity")] for each in found] == [
        list(row.values()) for row in rows
    ]


def test_bars_are_the_exchanges_last_word_or_the_sum_of_the_trades(pipeline: Pipeline) -> None:
    where = "exchange = 'binance' AND market = 'spot' AND symbol = 'BTC-USDT'"
    told = asyncio.run(
        pipeline.rows(
            "SELECT toUnixTimestamp64Micro(open_time) AS at, close_price, volume FROM klines"
            f" WHERE {where} AND interval = '1m' ORDER BY receive_time DESC, source_offset DESC LIMIT 1 BY open_time"
        )
    )
    one = {"exchange": "binance", "market": "spot"}
    shown = pipeline.data("klines/BTC-USDT", source="venue", **one)
    assert {(each["open_time_us"], each["close"], each["volume"]) for each in shown} == {
        (row["at"], row["close_price"], row["volume"]) for row in told
    }
    [counted] = asyncio.run(
        pipeline.rows(
            f"SELECT sum(quantity) AS volume, sum(notional) AS quote, count() AS trades FROM trades WHERE {where}"
        )
    )
    built = pipeline.data("klines/BTC-USDT", source="trades", interval="1M", since="1970-01-01", **one)
    assert sum(Decimal(each["volume"]) for each in built) == Decimal(counted["volume"])
    assert sum(Decimal(each["quote_volume"]) for each in built) == Decimal(counted["quote"])
    assert sum(each["trades"] for each in built) == counted["trades"]


def test_a_summary_is_the_last_ticker(pipeline: Pipeline) -> None:
    stored = latest(pipeline, "tickers")
    for each in pipeline.data("summary"):
        row = stored[each["instrument"]]
        assert each["source"] == "ticker"
        assert (each["last"], each["change"], each["change_percent"]) == (
            row["last_price"],
            row["price_change"],
            row["price_change_percent"],
        )


def test_books_are_what_a_stock_consumer_makes_of_their_updates(pipeline: Pipeline) -> None:
    books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {
        key: ({}, {}) for key in INSTRUMENTS
    }
    stood: dict[tuple[str, int], list[list[tuple[Decimal, Decimal]]]] = {}
    """Best 20 levels of both sides, by instrument and update id."""
    joins: dict[str, list[tuple[int, int]]] = {key: [] for key in INSTRUMENTS}
    """Of each image, the update ids that it and the one before it stand at."""
    last = dict.fromkeys(INSTRUMENTS, 0)

    def best(key: str, most: int | None) -> list[list[tuple[Decimal, Decimal]]]:
        bids, asks = books[key]
        return [sorted(bids.items(), reverse=True)[:most], sorted(asks.items())[:most]]

    for update in events(pipeline.settings, "book_updates"):
        key = f"{update['exchange']}.{update['market']}.{update['symbol']}"
        for side, name in zip(books[key], ("bid", "ask"), strict=True):
            if update["kind"] == "image":
                side.clear()
            side.update(zip(update[f"{name}_prices"], update[f"{name}_quantities"], strict=True))
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        stood[key, update["update_id"]] = best(key, 20)
        if update["kind"] == "image":
            joins[key].append((last[key], update["update_id"]))
        last[key] = update["update_id"] or last[key]
    for key in INSTRUMENTS:
        shown = pipeline.data(f"orderbook/{key.replace('.', '/')}")
        told = [
            [(Decimal(price), Decimal(quantity)) for price, quantity in shown[side]]
            for side in ("bids", "asks")
        ]
        assert told == best(key, None)
        assert (shown["state"], shown["depth"]["source"]) == ("live", "book_updates")
        assert len(shown["bids"]) == shown["depth"]["bids"] > 20
    for event in events(pipeline.settings, "book_snapshots"):
        key = f"{event['exchange']}.{event['market']}.{event['symbol']}"
        levels = [
            list(zip(event[f"{name}_prices"], event[f"{name}_quantities"], strict=True))
            for name in ("bid", "ask")
        ]
        if (key, event["update_id"]) in stood:
            assert levels == stood[key, event["update_id"]]
        else:  # changes that waited for the join are part of its image
            assert any(before < event["update_id"] < image for before, image in joins[key])


def test_instruments_are_what_the_exchange_lists(pipeline: Pipeline) -> None:
    shown = {each["instrument"]: each for each in pipeline.data("instruments", seen="true")}
    assert sorted(shown) == INSTRUMENTS
    rows = asyncio.run(
        pipeline.rows(
            "SELECT exchange, market, symbol, wire_symbol, tick, lot FROM instruments"
            " ORDER BY seen_time DESC LIMIT 1 BY exchange, market, symbol"
        )
    )
    stored = {f"{row['exchange']}.{row['market']}.{row['symbol']}": row for row in rows}
    for key, each in shown.items():
        row = stored[key]
        assert (each["wire_symbol"], each["tick_size"], each["lot_size"]) == (
            row["wire_symbol"],
            row["tick"],
            row["lot"],
        )


def test_stats_count_what_is_stored(pipeline: Pipeline) -> None:
    for each in pipeline.data("stats")["tables"]:
        row = asyncio.run(
            pipeline.rows(
                f"SELECT count() AS stored, toUnixTimestamp64Micro(max({'seen_time' if each['table'] == 'instruments' else 'receive_time'}))"
                f" AS newest FROM {each['table']}"
            )
        )[0]
        assert (each["rows"], each["newest_us"]) == (row["stored"], row["newest"])
        assert each["bytes"] > 0


@pytest.mark.slow
def test_a_gateway_that_is_started_anew_knows_the_same(pipeline: Pipeline) -> None:
    def known() -> list[Any]:
        lists = (
            "spreads?origin=book",
            "spreads?origin=ticker",
            "tickers",
            "derivatives",
            "instruments",
            "trades?symbol=BTC-USDT&limit=500",
        )
        changing = ("age_ms", "stale")
        return [
            [
                {name: value for name, value in each.items() if name not in changing}
                for each in pipeline.data(path)
            ]
            for path in lists
        ]

    before = known()
    assert pipeline.gateway.stop() == 0
    pipeline.gateway.restart()
    wait_until(lambda: pipeline.address and pipeline.get("/health").status_code == 200, "it is ready again")
    assert known() == before
