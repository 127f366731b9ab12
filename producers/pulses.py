"""Whether single streams of a living connection have stopped. No I/O, no clock of its own.

An exchange can lose some subscriptions: the others flow on, so the connection is not silent, and a book that nothing reaches any more
would count as live for ever. What silence means differs from stream to stream: trades may pause for an hour and come by the dozen. Two
things do not happen on a connection that is well:

* a book stands still while its instrument trades on and on;
* most of the streams that flow pause at once, each much longer than it ever has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from producers.stream import Stream

__all__ = ["Pulses"]

_BEATS = 10
"""Looks at which a stream has to be seen to have moved before it says anything, about itself or about a book."""
_PATIENCE = 10
"""So many times its longest pause a stream may be silent."""


class _Pulse:
    """Of one stream: how often it was seen to have moved, and its longest pause between two of these."""

    __slots__ = ("_paused", "beats", "last_ns", "longest_ns", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.last_ns = stream.last_ns
        self.longest_ns = 0
        self.beats = 0
        self._paused = True

    def look(self) -> bool:
        """Whether it has moved since the last look."""
        last_ns = self.stream.last_ns
        if last_ns <= self.last_ns:
            return False
        if not self._paused:
            self.longest_ns = max(self.longest_ns, last_ns - self.last_ns)
        self._paused = False
        self.beats += 1
        self.last_ns = last_ns
        return True

    def resume(self, now_ns: int) -> None:
        """Silence counts from now on, and the pause that ends is none of the stream's own."""
        self._paused = True
        self.last_ns = now_ns


class Pulses:
    """Watches ``streams`` of a line, over all its connections. ``books`` are those of them that are, by instrument; ``trades`` are the
    trades of instruments, on whatever line they come.
    """

    def __init__(
        self, streams: Iterable[Stream], books: Mapping[str, Stream], trades: Mapping[str, Stream]
    ) -> None:
        self._pulses = [_Pulse(stream) for stream in streams]
        self._pairs = [
            (_Pulse(books[symbol]), _Pulse(trades[symbol])) for symbol in books if symbol in trades
        ]

    def resume(self, now_ns: int) -> None:
        """A new connection, or for a while nothing was read: silence counts from now on."""
        for pulse in self._pulses:
            pulse.resume(now_ns)
        for book, trades in self._pairs:
            book.resume(now_ns)
            trades.beats = 0

    def stopped(self, now_ns: int, least_s: float) -> Sequence[Stream]:
        """Look at all streams (a few times a second): those that are reason to replace the connection, none where all is well.

        No silence shorter than ``least_s`` counts.
        """
        least_ns = int(least_s * 1e9)
        return [*self._dead_books(now_ns, least_ns), *self._most(now_ns, least_ns)]

    def _dead_books(self, now_ns: int, least_ns: int) -> Iterable[Stream]:
        for book, trades in self._pairs:
            trades.look()
            if book.look():
                trades.beats = 0
            elif book.beats and trades.beats >= _BEATS and now_ns - book.last_ns > least_ns:
                yield book.stream

    def _most(self, now_ns: int, least_ns: int) -> Sequence[Stream]:
        flowing, found = 0, []
        for pulse in self._pulses:
            pulse.look()
            if pulse.beats <= _BEATS:
                continue
            flowing += 1
            if now_ns - pulse.last_ns > max(least_ns, _PATIENCE * pulse.longest_ns):
                found.append(pulse.stream)
        return found if 2 * len(found) > flowing else ()
