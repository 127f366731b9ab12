"""Trades that come over REST because the socket has lost them: events like others, by their source, and none of them twice."""

from __future__ import annotations

import json
from typing import Any

from bookmill.settings import WorkerSettings
from schemas.catalogue import TRADES
from streams.partition import RawPartition, Work
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, read, record, trade
from venues.backfill_end import write_end
from venues.binance import BinanceSpot
from venues.interface import TradeSpan


def partition() -> RawPartition:
    return RawPartition(BinanceSpot(), TOPIC, 3, 0, SCHEMA_IDS, WorkerSettings())


def page(offset: int, *numbers: int) -> Record:
    rows = [{"id": number, "price": "10", "qty": "1", "time": 5, "isBuyerMaker": False} for number in numbers]
    return record(offset, "backfill", json.dumps(rows).encode(), kind="backfill")


def end(offset: int) -> Record:
    value = write_end(TradeSpan("2", "4"), complete=True, reason="")
    return record(offset, "backfill.end", value, kind="backfill")


def told(work: Work) -> list[tuple[str, str]]:
    events: list[dict[str, Any]] = [read(TRADES, value) for _, value, _ in work.events.trades]
    return [(event["trade_id"], event["source"]) for event in events]


def test_a_page_brings_what_had_not_come_and_passes_over_the_rest() -> None:
    one = partition()
    work = one.process([trade(0, 1), trade(1, 5), page(2, 1, 2, 3, 4, 5), end(3)])
    assert told(work) == [("1", "ws"), ("5", "ws"), ("2", "backfill"), ("3", "backfill"), ("4", "backfill")]
    assert (work.dead_letters, work.records) == ([], 4)
    assert one.instruments[b"BTCUSDT"].trades.repeated == 2


def test_a_page_that_comes_twice_and_a_late_frame_give_nothing_more() -> None:
    work = partition().process(
        [trade(0, 1), trade(1, 5), page(2, 2, 3), page(3, 2, 3, 4), trade(4, 3), trade(5, 6)]
    )
    assert told(work) == [
        ("1", "ws"),
        ("5", "ws"),
        ("2", "backfill"),
        ("3", "backfill"),
        ("4", "backfill"),
        ("6", "ws"),
    ]


def test_a_page_beside_every_gap_gives_nothing() -> None:
    work = partition().process([trade(0, 1), page(1, 1, 2, 3), trade(2, 2)])
    assert told(work) == [("1", "ws"), ("2", "ws")]


def test_a_page_that_cannot_be_read_is_a_dead_letter_and_costs_itself_only() -> None:
    broken = record(2, "backfill", b'{"code":-1121}', kind="backfill")
    no_end = record(3, "backfill.end", b"[]", kind="backfill")
    work = partition().process([trade(0, 1), trade(1, 3), broken, no_end, page(4, 2), trade(5, 4)])
    assert told(work) == [("1", "ws"), ("3", "ws"), ("2", "backfill"), ("4", "ws")]
    assert [letter.record.offset for letter in work.dead_letters] == [2, 3]
