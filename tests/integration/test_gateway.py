"""The gateway on the whole pipeline: what it says now is what ClickHouse holds, also after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bookmill.addresses import Addresses
from tests.integration.conftest import isolated
from tests.integration.parts import wait_until
from tests.integration.pipeline import Pipeline

INSTRUMENTS = [
    f"binance.{market}.{symbol}" for market in ("spot", "usdm") for symbol in ("BTC-USDT", "ETH-USDT")
]
NUMBERS = ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid", "spread", "spread_bps")


@pytest.fixture(scope="module")
def pipeline(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """At rest: some seconds of four instruments."""
    with Pipeline(isolated(addresses), tmp_path_factory.mktemp("pipeline")) as running:
        running.start()
        wait_until(lambda: len(running.data("trades")) == 100, "there are trades")
        wait_until(lambda: running.data("tickers"), "there are tickers")
        running.come_to_rest()
        yield running


def latest(pipeline: Pipeline, table: str, more: str = "") -> dict[str, dict[str, Any]]:
    """The last row of each instrument."""
    rows = asyncio.run(
        pipeline.rows(
            f"SELECT *, event_id, toUnixTimestamp64Micro(receive_time) AS received FROM {table} {more}"
            " ORDER BY source_offset DESC, source_index DESC LIMIT 1 BY exchange, market, symbol"
        )
    )
    return {f"{row['exchange']}.{row['market']}.{row['symbol']}": row for row in rows}


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


def test_two_gateways_do_not_share_a_port(pipeline: Pipeline) -> None:
    second = pipeline.part(
        "gateway",
        environment={**pipeline.environment, "BOOKMILL_GATEWAY__PORT": pipeline.address.rpartition(":")[2]},
    )
    assert second.process.wait(30) == 1
    assert "BOOKMILL_GATEWAY__PORT" in second.log
    assert "Traceback" not in second.log
