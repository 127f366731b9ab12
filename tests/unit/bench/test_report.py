"""The benchmark's report: keys, medians and ratios."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from bench.report import Machine, Measured, Report, machine, table

PARTS = {
    "handler": Measured("frames", 100, [90_000.0]),
    "worker": Measured("frames", 100, [50_000.0, 70_000.0, 60_000.0], {"worker": 150.0}, [11.0, 13.0, 12.0]),
    "faust": Measured("frames", 60, [6000.0], {"faust": 90.0}, [150.0]),
    "quix": Measured("frames", 100, [40_000.0], {"quix": 120.0}, [25.0]),
    "sink": Measured("rows", 400, [250_000.0], {"sink": 200.0, "ClickHouse": 500.0}, [3.0]),
    "producer": Measured("frames", 80, [45_000.0], {"producer": 80.0}, [20.0]),
    "okx.spot": Measured("updates", 70, [30_000.0], cpu_us=[30.0], details={"levels": 20.1, "bytes": 775}),
}
REPORT = Report(
    Machine("a processor", 2, 24.0, "Linux", "3.11.7", 0.1),
    datetime(2026, 11, 21, 4, 0, tzinfo=UTC),
    "recordings",
    100,
    {"trades": 20, "spreads": 79, "book_snapshots": 1},
    PARTS,
)


def test_json_has_machine_workload_parts_and_ratios() -> None:
    written = json.loads(json.dumps(REPORT.as_json()))
    assert set(written) == {"machine", "started", "source", "frames", "events", "parts", "ratios"}
    assert set(written["machine"]) == {"processor", "cores", "memory_gib", "system", "python", "load"}
    assert set(written["parts"]) == set(PARTS)
    assert set(written["parts"]["worker"]) == {"frames", "frames_per_s", "runs", "cpu_us", "peak_mib"}
    assert written["parts"]["okx.spot"]["details"] == {"levels": 20.1, "bytes": 775}
    assert written["parts"]["sink"]["rows_per_s"] == 250_000
    assert written["parts"]["sink"]["peak_mib"] == {"sink": 200.0, "ClickHouse": 500.0}


def test_median_of_the_runs_counts() -> None:
    assert REPORT.as_json()["parts"]["worker"]["frames_per_s"] == 60_000
    assert REPORT.as_json()["parts"]["worker"]["cpu_us"] == 12.0


def test_ratios_are_the_workers_median_to_each_peers() -> None:
    assert REPORT.ratios() == {"worker_to_faust": 10.0, "worker_to_quix": 1.5}


@pytest.mark.parametrize("missing", ["worker", "faust"])
def test_ratio_is_left_out_where_a_part_was_not_measured(missing: str) -> None:
    parts = {name: part for name, part in PARTS.items() if name != missing}
    report = Report(REPORT.machine, REPORT.started, "synthetic", 100, REPORT.events, parts)
    assert "worker_to_faust" not in report.ratios()


def test_table_names_every_part_and_ratio() -> None:
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(table(REPORT))
    text = captured.get()
    for word in (*PARTS, "worker to faust", "10.00 times", "ClickHouse 500 MiB", "levels 20.1"):
        assert word in text


def test_this_machine_can_be_described() -> None:
    here = machine()
    assert here.cores > 0
    assert here.memory_gib > 0
