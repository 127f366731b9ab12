"""Which streams of a living connection have stopped. No I/O, no clock of its own.

An exchange can lose single subscriptions: the others flow on, so the connection is not silent, and a book that nothing reaches any more
would count as live for ever. What silence means differs from stream to stream, so each is measured by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from producers.stream import Stream

__all__ = ["Pulses"]

_BEATS = 10
"""Times a stream has to be seen flowing before its silence says anything."""
_PATIENCE = 10
"""So many times its longest pause a stream may be silent."""


class _Pulse:
    __slots__ = ("beats", "last_ns", "longest_ns")

    def __init__(self, last_ns: int) -> None:
        self.last_ns = last_ns
        self.longest_ns = 0
        self.beats = 0


class Pulses:
    """Watches ``streams`` from now on, the same ones as long as it lives. ``least_s``: no shorter silence counts."""

    def __init__(self, streams: Iterable[Stream], least_s: float) -> None:
        self._streams = list(streams)
        self._least_ns = int(least_s * 1e9)
        self._pulses: list[_Pulse] = []
        self.restart()

    def restart(self) -> None:
        """Forget what was seen: for a while nothing was read."""
        self._pulses = [_Pulse(stream.last_ns) for stream in self._streams]

    def stopped(self, now_ns: int) -> list[Stream]:
        """Look at all streams (a few times a second): those that flowed and do not any more."""
        found = []
        for stream, pulse in zip(self._streams, self._pulses, strict=True):
            last_ns = stream.last_ns
            if last_ns != pulse.last_ns:
                if pulse.beats:
                    pulse.longest_ns = max(pulse.longest_ns, last_ns - pulse.last_ns)
                pulse.beats += 1
                pulse.last_ns = last_ns
            elif pulse.beats > _BEATS and now_ns - last_ns > max(
                self._least_ns, _PATIENCE * pulse.longest_ns
            ):
                found.append(stream)
        return found
