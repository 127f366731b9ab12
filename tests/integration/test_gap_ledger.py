"""The ledger from raw records to ``bookmill gaps``: holes are asked for, filled, stored, and shown with what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient

from bookmill.settings import Settings
from producers.control import ControlReader, Request
from sinks.gap_report import Choice, Report
from sinks.query import run_query
from tests.integration.parts import RunningPart, environment, wait_until
from tests.integration.test_worker import prepared, write
from tests.unit.streams.raw import depth, snapshot
from tests.unit.streams.test_gaps import MICROS, NOW_MS, end, sold

__all__ = ["prepared"]  # a fixture


def report(settings: Settings) -> Report:
    def ask(query: str) -> bytes:
        return b"".join(run_query(settings.clickhouse, settings.clickhouse.url or "", query, "JSONEachRow"))

    return Report.read(ask, Choice(0, exchange="binance"))


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
