"""Stands between a part and its child so that the child never outlives the part. Run by path, standard library only.

``python -I -S _guard.py <control fd> <grace seconds> <gives way> <program> [argument …]``

The control socket comes from the parent and is read only for its end: the kernel closes the other side when the parent
ends in any way, ``kill -9`` included. Then, and on SIGTERM, SIGINT or SIGHUP, the child gets SIGTERM, the grace time, and
SIGKILL with everything left of its process group. The child's pid goes to the parent as one line; the guard's exit
status is the child's (128 + n when signal n ended it). On Linux the kernel kills the child should the guard itself be killed.

Both give way to others by ``<gives way>``, as ``nice`` has it; 0 is not at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AUTOGROUP = "/proc/self/autogroup"
_AUTOGROUP_S = 2.0
_AUTOGROUP_AGAIN_S = 0.05


def _give_way(by: int) -> None:
    """Let others go first. Linux may share the processors out among sessions first (``sched(7)``, autogroup): niceness counts only
    within one then, and the session, which is our own, has its own."""
    os.nice(by)
    deadline_s = time.monotonic() + _AUTOGROUP_S
    while time.monotonic() < deadline_s:
        try:
            with open(_AUTOGROUP, "w", encoding="ascii") as session:  # noqa: PTH123  it starts often: no pathlib
                session.write(str(by))
        except BlockingIOError:  # Linux takes ten of these a second, from whomever they come
            time.sleep(_AUTOGROUP_AGAIN_S)
        except OSError:  # nothing is shared by session here
            return
        else:
            return


def _die_with(guard_pid: int) -> Callable[[], None] | None:
    """What the new child does before it becomes the program: ask Linux to be killed when the guard dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard_pid:  # it died before the request was made
            os._exit(1)

    return ask


def _wakeups() -> int:
    """A file descriptor that gets one byte, the signal's number, per signal."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _watch(child: subprocess.Popen[bytes], control: socket.socket, wakeups: int, grace_s: float) -> int:
    deadline_s: float | None = None
    watched: list[int] = [control.fileno(), wakeups]
    while (status := child.poll()) is None:
        remaining_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        ready, _, _ = select.select(watched, [], [], remaining_s)
        stopping = False
        if wakeups in ready:
            stopping = any(number in _FORWARDED for number in os.read(wakeups, 256))
        if control.fileno() in ready and not control.recv(64):
            watched.remove(control.fileno())
            stopping = True
        if stopping and deadline_s is None:
            child.terminate()
            deadline_s = time.monotonic() + grace_s
        elif deadline_s is not None and time.monotonic() >= deadline_s:
            _kill_group(child.pid)
            deadline_s = time.monotonic() + grace_s
    return status


def main(arguments: list[str]) -> int:
    """Run one program under guard; the result is the exit status to leave with."""
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    wakeups = _wakeups()
    if gives_way := int(arguments[2]):
        _give_way(gives_way)
    try:
        child = subprocess.Popen(
            arguments[3:],
            process_group=0,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  this process has one thread
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {arguments[3]}: {error.strerror}\n")
        return 127
    with contextlib.suppress(OSError):
        control.sendall(b"%d\n" % child.pid)
    status = _watch(child, control, wakeups, float(arguments[1]))
    _kill_group(child.pid)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
