"""Ctrl-C for us alone when make started us: make would take it too, and end with an error after our orderly stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["foreground"]


@contextmanager
def foreground() -> Iterator[None]:
    """Be the terminal's foreground process group, as a shell makes its jobs; does nothing outside make or without a terminal."""
    if "MAKELEVEL" not in os.environ or not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = os.tcgetpgrp(terminal)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # Changing the foreground group from what is still a background one stops a process that does not ignore this.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, before)
