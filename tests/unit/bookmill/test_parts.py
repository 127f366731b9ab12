"""Running parts leave word of themselves, and those that were killed do not count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bookmill.parts import announced, running


def test_a_part_is_known_while_it_runs(tmp_path: Path) -> None:
    with (
        announced(tmp_path, "worker", "http://127.0.0.1:1"),
        announced(tmp_path, "sink", "http://127.0.0.1:2"),
    ):
        assert running(tmp_path) == ["http://127.0.0.1:2", "http://127.0.0.1:1"]
    assert running(tmp_path) == []


def test_what_a_killed_part_left_is_cleared_away(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = tmp_path / "parts"
    folder.mkdir()
    left = folder / f"worker-{ended.pid}.json"
    left.write_text(json.dumps({"part": "worker", "address": "http://127.0.0.1:1", "pid": ended.pid}))
    assert running(tmp_path) == []
    assert not left.exists()


def test_what_is_no_word_of_a_part_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, text in (
        ("a", "{"),
        ("b", "[]"),
        ("c", '{"pid": "x"}'),
        ("d", json.dumps({"pid": os.getpid()})),
    ):
        (folder / f"{name}.json").write_text(text)
    assert running(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_keeps_no_part_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with announced(tmp_path / "file", "worker", "http://127.0.0.1:1"):
        assert running(tmp_path / "file") == []
