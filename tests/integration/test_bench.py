"""``bookmill bench`` on a few frames: every event is stored, and nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.frames import load_workload, recordings_directory
from bench.handler import run_handler
from bookmill.settings import WorkerSettings

FRAMES = 4000


@pytest.mark.slow
def test_a_small_run_stores_what_the_handler_gives() -> None:
    command = ["bench", "--json", "--only", "handler,worker,sink", "--frames", str(FRAMES)]
    done = subprocess.run(
        [sys.executable, "-m", "bookmill", *command], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    workload = load_workload(recordings_directory(), FRAMES)
    expected = run_handler(workload.frames, WorkerSettings()).events
    assert report["source"] == workload.source
    assert report["events"] == {name: count for name, count in expected.items() if name != "dead letters"}
    assert {"handler", "worker", "sink"} <= set(report["parts"])
    assert report["parts"]["sink"]["rows"] % sum(report["events"].values()) == 0
    assert report["parts"]["worker"]["peak_mib"]["worker"] < 300
