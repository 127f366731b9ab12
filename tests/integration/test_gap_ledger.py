"""The ledger from raw records to ``bookmill gaps``: holes are asked for, filled, stored, and shown with what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from bookmill.completeness import Report, read_report
from bookmill.gap_ledger import Choice, Gap, Page, read_gaps, read_page
from bookmill.questions import Question, Rows, Selection, answered
from bookmill.settings import Settings
from producers.control import ControlReader, Request
from schemas.catalogue import BOOK_SNAPSHOTS, GAPS, TRADES
from sinks.client import connect
from sinks.query import asking
from sinks.tables import create_tables
from tests.integration.parts import RunningPart, environment, wait_until
from tests.integration.test_worker import prepared, write
from tests.unit.streams.raw import depth, snapshot
from tests.unit.streams.test_gaps import MICROS, NOW_MS, end, sold

__all__ = ["prepared"]  # a fixture


def report(settings: Settings) -> Report:
    ask = asking(settings.clickhouse, settings.clickhouse.url or "")
    return answered(read_report(Choice(0, Selection(("binance",)))), ask)


@contextmanager
def requests(settings: Settings) -> Iterator[list[Request]]:
    """What workers ask for, as a producer reads it."""
    found: list[Request] = []
    with SchemaRegistryClient({"url": settings.registry.url, "timeout": 10}) as registry:
        reader = ControlReader(settings.kafka, settings.kafka.bootstrap_servers or "", registry, found.append)
        reader.start()
        try:
            yield found
        finally:
            reader.stop()


@pytest.mark.slow
def test_gaps_are_asked_for_closed_stored_and_shown(prepared: Settings, tmp_path: Path) -> None:
    settings = prepared
    chosen = environment(settings, SINK__BATCH_MS="200")
    hole = [
        depth(0, 1, 2, [["9", "1"]], time_ms=NOW_MS),
        snapshot(1, 1, [["9", "1"]], [["11", "1"]]),
        sold(2, 5),
        sold(3, 8),
        depth(4, 9, 9, time_ms=NOW_MS),
        snapshot(5, 8, [["9", "1"]], [["11", "1"]]),
    ]
    write(settings, hole)
    with (
        requests(settings) as asked,
        RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker,
        RunningPart(["sink"], chosen, tmp_path / "sink.log") as sink,
    ):
        wait_until(lambda: any(one.kind == "backfill" for one in asked), "the missing trades are asked for")
        assert worker.status()["gaps_opened"] == {"sequence": 2}
        write(settings, [sold(6, 6), end(7, first_trade_id="6", last_trade_id="7")])
        wait_until(lambda: worker.status()["open_gaps"] == 0, "the gaps close")
        wait_until(lambda: sink.status().get("rows", 0) >= 4, "rows are stored")
        wait_until(lambda: len([one for one in report(settings).gaps if one.closed_micros]) == 2, "both")
        found = report(settings)
    assert {(one.stream, one.healed, one.complete, one.missed) for one in found.gaps} == {
        ("book", "snapshot", True, None),
        ("trades", "late", False, 1),
    }
    [instrument] = found.instruments
    assert (instrument.gaps, instrument.trades, instrument.missing) == (2, 3, 1)
    assert instrument.trades_percent == "75.0000"
    span = next(one.span for one in asked if one.kind == "backfill")
    assert (span.first_id, span.last_id) == ("6", "7")
    assert (span.since_micros, span.until_micros) == (MICROS + 2000, MICROS + 3000)


BEGIN = int(time.time()) - 86_400
"""Times below are seconds from here: rows of long ago are not kept."""


def at(second: float) -> str:
    return f"toDateTime64('{BEGIN + second}', 6)"


def fill(command: Callable[[str], object], database: str) -> None:
    """Gaps of which most were never closed, and what came after them."""

    def told(gap: str, stream: str, second: int, offset: int, **more: str) -> None:
        row = {
            "exchange": "'binance'",
            "market": "'spot'",
            "symbol": "'BTC-USDT'",
            "source": "'ws'",
            "gap": f"'{gap}'",
            "stream": f"'{stream}'",
            "phase": "'opened'",
            "cause": "'sequence'",
            "opened_time": at(second),
            "receive_time": at(second + 0.5),
            "source_offset": str(offset),
            "inserted_time": str(BEGIN + second),
            **more,
        }
        command(f"INSERT INTO {database}.gaps ({', '.join(row)}) VALUES ({', '.join(row.values())})")

    def came(table: str, symbol: str, second: int, offset: int, **more: str) -> None:
        row = {
            "exchange": "'binance'",
            "market": "'spot'",
            "symbol": f"'{symbol}'",
            "source": "'ws'",
            "receive_time": at(second),
            "source_offset": str(offset),
            "inserted_time": str(BEGIN + second),
            **more,
        }
        command(f"INSERT INTO {database}.{table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")

    told("lost, then live", "book", 1000, 10)
    told("closed", "book", 2000, 20)
    told("closed", "book", 2000, 21, phase="'closed'", closed_time=at(2001))
    told("lost before another", "book", 2500, 30)
    told("lost last", "book", 3000, 40)
    told("wrong times", "book", 3000, 40, cause="'time'")
    came("book_snapshots", "BTC-USDT", 1500, 15, state="'live'")
    came("book_snapshots", "BTC-USDT", 2002, 22, state="'live'")
    came("book_snapshots", "BTC-USDT", 3100, 39, state="'live'")  # another connection's, before it in the log
    came("book_snapshots", "BTC-USDT", 3200, 41, state="'degraded'")
    came("book_snapshots", "ETH-USDT", 3300, 50, state="'live'")
    told("counted", "trades", 1000, 11, first_trade_id="5")
    told("counted, lately", "trades", 9000, 91, first_trade_id="7")
    told("by time", "trades", 1000, 12, symbol="'SOL-USDT'", cause="'silent'")
    told("by time, silent since", "trades", 7000, 90, symbol="'SOL-USDT'", cause="'silent'")
    came("trades", "SOL-USDT", 1600, 14)
    told("first", "ticker", 1000, 12, cause="'disconnect'")
    told("second", "ticker", 1100, 13, cause="'disconnect'")


STATES = {
    "lost, then live": ("superseded", 1500),
    "closed": ("closed", 2001),
    "lost before another": ("superseded", 3000),
    "lost last": ("open", None),
    "wrong times": ("open", None),
    "counted": ("given up", None),
    "counted, lately": ("open", None),
    "by time": ("given up", None),
    "by time, silent since": ("open", None),
    "first": ("superseded", 1100),
    "second": ("open", None),
}


Ask = Callable[[Question], Rows]


def judged(gaps: Iterable[Gap]) -> dict[str, tuple[str, int | None]]:
    return {one.gap: (one.state, one.over_micros and one.over_micros // 1_000_000 - BEGIN) for one in gaps}


def paged(ask: Ask, choice: Choice, limit: int) -> Iterator[Gap]:
    page = Page(limit)
    while found := answered(read_page(choice, page), ask):
        yield from found
        page = Page(limit, found[-1].opened_micros, found[-1].gap)


def test_of_gaps_that_nobody_closed_it_is_told_what_became_of_them(settings: Settings) -> None:
    url, database = settings.clickhouse.url or "", settings.clickhouse.database
    client = connect(settings.clickhouse, url)
    create_tables(client, database, [GAPS, BOOK_SNAPSHOTS, TRADES])
    fill(client.command, database)
    ask = asking(settings.clickhouse, url)
    choice = Choice(0, given_up_micros=(BEGIN + 5000) * 1_000_000)
    assert judged(answered(read_gaps(choice), ask)) == STATES
    pages = list(paged(ask, choice, 3))
    assert judged(pages) == STATES
    assert len(pages) == len(STATES)
    assert pages == sorted(pages, key=lambda one: (one.opened_micros, one.gap), reverse=True)
    missing = {gap: told for gap, told in STATES.items() if told[0] in {"open", "given up"}}
    assert judged(paged(ask, replace(choice, only_open=True), 2)) == missing
    chosen = replace(
        choice, selection=Selection(("binance",), ("spot",), ("SOL-USDT", "'")), streams=("trades",)
    )
    assert set(judged(paged(ask, chosen, 9))) == {"by time", "by time, silent since"}
