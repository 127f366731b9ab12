"""Ctrl-C under make reaches only the demo: make ends well, as the demo does."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

WAITS = """
import signal, sys, time
from bookmill.demo.foreground import foreground
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
with foreground():
    print("ready", flush=True)
    while not stopped:
        time.sleep(0.01)
print("stopped in order", flush=True)
"""
IN_A_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('make', sys.argv[1:])"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_ends_well_after_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS, encoding="utf-8")
    (tmp_path / "Makefile").write_text(f"demo:\n\t@{sys.executable} waits.py\n", encoding="utf-8")
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, "make", "-C", str(tmp_path), "--no-print-directory", "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    ) as make:
        os.close(theirs)
        said = b""
        while b"ready" not in said:
            said += os.read(ours, 1000)
        time.sleep(0.2)
        os.write(ours, b"\x03")
        assert make.wait(10) == 0
    os.close(ours)
