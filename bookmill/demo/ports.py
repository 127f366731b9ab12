"""Free ports of this machine for parts that are about to be started."""

from __future__ import annotations

import socket
from contextlib import ExitStack

__all__ = ["free_port", "free_ports_in_a_row"]

_HOST = "127.0.0.1"
_ATTEMPTS = 100


def free_port() -> int:
    """A port nobody listens on now."""
    return free_ports_in_a_row(1)


def free_ports_in_a_row(count: int) -> int:
    """The first of ``count`` ports, one after the other, that nobody listens on now; raises :class:`OSError`."""
    error: OSError | None = None
    for _ in range(_ATTEMPTS):
        with ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind((_HOST, 0))
            port: int = first.getsockname()[1]
            try:
                for number in range(1, count):
                    held.enter_context(socket.socket()).bind((_HOST, port + number))
            except (OSError, OverflowError) as taken:
                error = OSError(str(taken))
                continue
            return port
    raise error or OSError("no free ports")
