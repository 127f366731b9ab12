"""A thread that does not come back ends its process, and one that does, or a process that stood still, does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

from bookmill.pulse import Pulse, ended_without

_HANGS = """
    import threading, time
    from bookmill.pulse import Pulse, ended_without

    def a_call_that_hangs():
        threading.Event().wait(60)

    with ended_without(Pulse(), after_s=0.3, every_s=0.05):
        a_call_that_hangs()
"""
_BEATS = """
    import time
    from bookmill.pulse import Pulse, ended_without

    pulse = Pulse()
    with ended_without(pulse, after_s=1.0, every_s=0.05):
        print("goes", flush=True)
        for _ in range(100):
            pulse.beat()
            time.sleep(0.02)
"""


def _run(text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(text)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_process_whose_thread_does_not_come_back_ends_with_a_sentence() -> None:
    running = _run(_HANGS)
    told, said = running.communicate(timeout=50)
    assert running.returncode == 1
    assert "bookmill: A call of a library has not come back for 0 s. Start this part again.\n" in said
    assert "a_call_that_hangs" in told + said, "the log says where"
    assert "Traceback" not in told + said


def test_a_process_that_stood_still_as_a_whole_goes_on() -> None:
    running = _run(_BEATS)
    assert running.stdout is not None
    assert running.stdout.readline() == "goes\n"
    os.kill(running.pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(running.pid, signal.SIGCONT)
    told, said = running.communicate(timeout=50)
    assert (running.returncode, told, said) == (0, "", "")


def test_silence_is_a_problem_until_the_next_beat() -> None:
    pulse = Pulse()
    with ended_without(pulse, after_s=1e6, every_s=0.01):
        until_s = time.monotonic() + 20
        while not pulse.silent_s and time.monotonic() < until_s:
            time.sleep(0.01)
        assert pulse.silent_s > 0
        assert pulse.problem == ""
        pulse.silent_s = 25.0
        assert pulse.problem.startswith("A call of a library has not come back for 2")
        pulse.beat()
        while pulse.silent_s > 1 and time.monotonic() < until_s:
            time.sleep(0.01)
        assert pulse.problem == ""
