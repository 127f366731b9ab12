"""The benchmark's frames: a fair, repeatable mix that the handler reads without a dead letter."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.frames import RECORDED, load_workload, recordings_directory
from bench.handler import run_handler
from bookmill.errors import RecordingError
from bookmill.settings import WorkerSettings


def test_synthetic_frames_make_live_books_and_no_dead_letter() -> None:
    workload = load_workload(None, 4000)
    assert workload.source == "synthetic"
    assert len(workload.frames) == 4000
    run = run_handler(workload.frames, WorkerSettings())
    assert run.events["dead letters"] == 0
    assert run.events["book_snapshots"] > 0
    assert run.events["trades"] + run.events["spreads"] > 3000


def test_synthetic_frames_are_the_same_every_time() -> None:
    assert load_workload(None, 1000).frames == load_workload(None, 1000).frames


def test_first_frames_hold_every_instrument_in_its_share() -> None:
    workload = load_workload(None, 4000)
    shares = Counter((frame.topic, frame.key) for frame in workload.first(400).frames)
    assert len(shares) == 4
    assert max(shares.values()) - min(shares.values()) <= 4


@pytest.mark.slow
def test_recordings_give_four_books() -> None:
    directory = recordings_directory()
    if directory is None:
        pytest.skip("The recordings are absent: set BOOKMILL_RECORDINGS to their folder.")
    workload = load_workload(directory, 20_000)
    assert {frame.key.decode() for frame in workload.frames} == {wire for _, wire, _, _ in RECORDED}
    assert run_handler(workload.frames, WorkerSettings()).events["dead letters"] == 0


def test_folder_without_the_recordings_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="btcusdt_20240808"):
        load_workload(tmp_path)


def test_handler_needs_no_stream_framework() -> None:
    """The peers run it in an environment that has none of ours."""
    program = (
        "import sys, bench.peers.job;"
        "sys.exit(','.join({m.split('.')[0] for m in sys.modules} & {'faust', 'aiokafka', 'confluent_kafka', 'structlog'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
