"""A child's life: it starts under guard, stops when asked, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bookmill import processes
from bookmill.errors import BookmillError
from bookmill.processes import Child, last_lines

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(7)))\n"
    "print('up', flush=True)\n"
    "time.sleep(60)"
)


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def session_nice(child: Child) -> str | None:
    """How far its session gives way; None where Linux does not share by session, or this is none."""
    try:
        said = Path(f"/proc/{child.pid}/autogroup").read_text().split()
    except FileNotFoundError:
        return None
    return said[-1] if said else None  # switched off, or the processes are in a group of their own


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log" / "child.log"


@pytest.fixture
def start(log: Path) -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def begin(code: str, grace_s: float = 5.0, gives_way: int = 0) -> Child:
        argv = [sys.executable, "-S", "-c", code]
        child = Child("child", argv, log_path=log, grace_s=grace_s, gives_way=gives_way)
        child.start()
        started.append(child)
        assert eventually(lambda: "up" in last_lines(log))
        return child

    yield begin
    for child in started:
        child.kill()


def test_it_stops_when_asked_and_its_exit_status_is_its_own(start: Callable[..., Child], log: Path) -> None:
    child = start(POLITE)
    assert child.poll() is None
    assert child.stop() == 7
    assert child.poll() == 7
    assert last_lines(log) == ["up", "bye"]


def test_the_pid_is_the_programs_not_the_guards(start: Callable[..., Child]) -> None:
    child = start(SLEEPER)
    assert child.pid is not None
    assert psutil.Process(child.pid).cmdline()[-1] == SLEEPER
    assert psutil.Process(child.pid).ppid() == child.guard_pid


def test_one_that_does_not_stop_is_killed_after_its_grace_time(start: Callable[..., Child]) -> None:
    child = start(STUBBORN, grace_s=0.3)
    begun_s = time.monotonic()
    assert child.stop() == 128 + signal.SIGKILL
    assert 0.3 <= time.monotonic() - begun_s < 3


def test_its_own_end_is_seen_with_its_status(start: Callable[..., Child]) -> None:
    child = start("print('up', flush=True); raise SystemExit(3)")
    assert child.wait(10) == 3


def test_a_signal_that_ends_it_shows_in_the_status(start: Callable[..., Child]) -> None:
    child = start(SLEEPER)
    os.kill(child.pid or 0, signal.SIGKILL)
    assert child.wait(10) == 128 + signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to the death of its parent")
def test_killing_the_guard_takes_the_child_too(start: Callable[..., Child]) -> None:
    child = start(STUBBORN)
    assert child.pid
    child.kill()
    assert eventually(lambda: gone(child.pid or 0))
    assert child.poll() == -signal.SIGKILL


def test_a_killed_parent_takes_the_child_with_it(log: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from bookmill.processes import Child\n"
        f"child = Child('child', [sys.executable, '-S', '-c', {POLITE!r}], log_path=Path({str(log)!r}))\n"
        "child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert eventually(lambda: "up" in last_lines(log))
        parent.kill()
    assert eventually(lambda: gone(pid))
    assert last_lines(log) == ["up", "bye"]  # it was asked, not killed


def test_ctrl_c_in_the_terminal_does_not_reach_it(start: Callable[..., Child]) -> None:
    child = start(SLEEPER)
    assert os.getsid(child.pid or 0) != os.getsid(0)
    assert os.getpgid(child.pid or 0) != os.getpgid(child.guard_pid or 0)


def test_one_that_gives_way_does_so_itself_and_by_its_session(start: Callable[..., Child]) -> None:
    others = os.getpriority(os.PRIO_PROCESS, 0)
    polite, plain = start(SLEEPER, gives_way=5), start(SLEEPER)
    for child, by in ((polite, 5), (plain, 0)):
        assert os.getpriority(os.PRIO_PROCESS, child.pid or 0) == min(19, others + by)
        assert session_nice(child) in (None, str(by))


def test_many_that_give_way_at_once_all_do(tmp_path: Path) -> None:
    # Linux refuses the eleventh session of a second from whoever is not root; then it is asked again.
    children = [
        Child("child", [sys.executable, "-S", "-c", SLEEPER], log_path=tmp_path / str(number), gives_way=7)
        for number in range(4)
    ]
    try:
        for child in children:
            child.start()
        assert {session_nice(child) for child in children} <= {None, "7"}
    finally:
        for child in children:
            child.kill()


def test_what_it_leaves_in_its_process_group_ends_with_it(start: Callable[..., Child], log: Path) -> None:
    child = start(
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
        "print('up', flush=True)"
    )
    assert child.wait(10) == 0
    grandchild = int(last_lines(log)[0])
    assert eventually(lambda: gone(grandchild))


def test_a_program_that_is_not_there_is_said_in_the_log(log: Path) -> None:
    child = Child("child", ["/nowhere/program"], log_path=log)
    child.start()
    assert child.wait(10) == 127
    assert child.pid is None
    assert "cannot start /nowhere/program" in last_lines(log)[0]


def test_stopping_is_safe_at_any_time(start: Callable[..., Child], log: Path) -> None:
    assert Child("never", ["true"], log_path=log).stop() is None
    child = start(SLEEPER)
    with pytest.raises(BookmillError, match="already running"):
        child.start()
    assert child.stop() == child.stop() == 128 + signal.SIGTERM


def test_it_can_be_started_again(start: Callable[..., Child], log: Path) -> None:
    child = start(SLEEPER)
    first = child.pid
    child.stop()
    child.start()
    assert child.pid != first
    assert child.poll() is None
    assert eventually(lambda: last_lines(log) == ["up", "up"])


def test_a_long_log_is_put_aside(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    monkeypatch.setattr(processes, "_LOG_BYTES", 10)
    log.parent.mkdir()
    log.write_text("from the day before\n")
    child = Child("child", [sys.executable, "-S", "-c", "print('new')"], log_path=log)
    child.start()
    assert child.wait(10) == 0
    assert last_lines(log) == ["new"]
    assert last_lines(log.with_name("child.log.1")) == ["from the day before"]


def test_last_lines_of_no_log_are_none(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "nothing") == []
