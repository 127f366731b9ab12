"""What the system keeps of a socket for its reader: bytes that have come, and how many may."""

from __future__ import annotations

import asyncio
import socket
import sys

__all__ = ["receive_buffer", "waiting_bytes"]


def receive_buffer(transport: asyncio.BaseTransport) -> int:
    """Bytes that may wait; 0 for a socket that is closed."""
    one = transport.get_extra_info("socket")
    try:
        return int(one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)) if one is not None else 0
    except (OSError, ValueError):
        return 0


if sys.platform == "win32":

    def waiting_bytes(transport: asyncio.BaseTransport) -> int:  # noqa: ARG001  the other's signature
        """The system does not tell: what waits in the websocket's own queue is all that is seen."""
        return 0

else:
    import fcntl
    import termios

    def waiting_bytes(transport: asyncio.BaseTransport) -> int:
        """Bytes that wait; 0 for a socket that is closed."""
        one = transport.get_extra_info("socket")
        try:
            told = fcntl.ioctl(one.fileno(), termios.FIONREAD, bytes(4)) if one is not None else b""
            return int.from_bytes(told, sys.byteorder)
        except (OSError, ValueError):
            return 0
