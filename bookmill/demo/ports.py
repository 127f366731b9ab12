"""Free ports of this machine for parts that are about to be started.

They are looked for below the ports that systems give to outgoing connections: one of those may be taken by any client
between the look and the start.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

from bookmill.errors import PortInUseError

__all__ = ["free_port", "free_ports_in_a_row", "this_or_free_port"]

_HOST = "127.0.0.1"
_RANGE = range(15_000, 32_000)
_ATTEMPTS = 1000


def free_port() -> int:
    """A port nobody listens on now."""
    return free_ports_in_a_row(1)


def this_or_free_port(host: str, wanted: int) -> int:
    """The port that is wanted where nobody has it, else a free one."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, wanted))
        except OSError:
            return free_port()
        return wanted or free_port()


def free_ports_in_a_row(count: int) -> int:
    """The first of ``count`` ports, one after the other, that nobody listens on now; raises :class:`PortInUseError`."""
    for _ in range(_ATTEMPTS):
        first = random.randrange(_RANGE.start, _RANGE.stop - count)  # noqa: S311  nothing secret
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind((_HOST, port))
            except OSError:
                continue
            return first
    raise PortInUseError(
        f"There are no {count} free ports in a row between {_RANGE.start} and {_RANGE.stop}."
    )
