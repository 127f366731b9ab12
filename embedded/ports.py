"""Chooses the platform's ports: the usual ones, or free ones that are remembered, so that addresses stay."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bookmill.errors import PlatformError, PortInUseError

__all__ = ["Port", "choose_ports"]

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """A port that is needed: its name in the settings, what is configured there (0: any), and what is usual."""

    name: str
    configured: int
    usual: int

    @property
    def fixed(self) -> bool:
        """Whether the user asked for this very port."""
        return self.configured not in {0, self.usual}


def choose_ports(wanted: Iterable[Port], memory: Path) -> dict[str, int]:
    """A free port for each name; what was chosen is kept in the file ``memory`` and preferred the next time.

    Raises :class:`PortInUseError` when a port the user asked for is taken.
    """
    remembered = _remembered(memory)
    chosen: dict[str, int] = {}
    with ExitStack() as held:  # all are held until all are chosen, so that none is chosen twice
        for port in wanted:
            if port.fixed:
                candidates = [port.configured]
            else:
                candidates = [p for p in (remembered.get(port.name, 0), port.configured) if p] + [0]
            chosen[port.name] = _first_free(candidates, held)
            if not chosen[port.name]:
                raise PortInUseError(
                    f"Port {port.configured} (platform.{port.name}_port) is in use by another program.",
                    hint=f"Stop that program, or set BOOKMILL_PLATFORM__{port.name.upper()}_PORT to a free port or to 0 for any.",
                )
    if chosen != remembered:
        memory.write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")
    return chosen


def _first_free(candidates: Iterable[int], held: ExitStack) -> int:
    for candidate in candidates:
        listener = held.enter_context(socket.socket())
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a connection that just ended is no owner
        try:
            listener.bind((_HOST, candidate))
            listener.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise PlatformError(f"Port {candidate} cannot be opened: {error.strerror}.") from error
        port: int = listener.getsockname()[1]
        return port
    return 0


def _remembered(memory: Path) -> dict[str, int]:
    try:
        return {str(name): int(port) for name, port in json.loads(memory.read_text(encoding="utf-8")).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}
