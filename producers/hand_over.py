"""From one connection to its successor, stream by stream, with no frame lost and none doubled. No I/O.

Both connections are sent the same frames of a stream in the same order, each at its own moment; the successor joins
somewhere in the middle, and may begin with frames of its own (the state as it is). The old connection leads until its time is over:
all that it brings is written, so that giving up the successor costs nothing. Meanwhile each frame of either is looked for
among those the other has brought:

* the successor is behind: what the old one has brought and it has not is remembered, to be passed over.
* it is ahead (or the old one is late): its frames are held until the old one brings them.

Frames are compared byte for byte, and once two are equal, what either brought before has no equal: the successor's opening, or
what was there before it came. What is guaranteed: while both deliver, each frame is written once and in order. When
the time for it is over, or the old connection ends first, the successor leads at once: what it holds is written, so nothing
is lost that it was sent; a frame is doubled only where the exchange sent two connections different bytes for one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["MOST_FRAMES", "HandOver", "HeldFrame"]

HeldFrame = tuple[bytes, int]
"""A frame and its receive time in ns."""

MOST_FRAMES = 10_000
"""Frames of one connection that are remembered; then the oldest is forgotten."""
_T = TypeVar("_T")


class HandOver:
    """The hand-over of one stream. ``aligned``: both have brought one frame, and the successor may lead. ``over``: it leads, and
    there is nothing left to compare. ``repeated`` counts frames that one connection brought and the other had written,
    ``forgotten`` those that were too many to be remembered: one may be missing, or written twice.
    """

    def __init__(self) -> None:
        self.over = False
        self.aligned = False
        self.old_frames = 0
        self.new_frames = 0
        self.repeated = 0
        self.forgotten = 0
        self._old_leads = True
        self._ahead: dict[bytes, None] = {}
        """What the old connection brought and the successor has not, since they overlap, in order."""
        self._held: dict[bytes, int] = {}
        """What the successor brought and the old connection has not, with receive times, in order."""

    @property
    def starving(self) -> bool:
        """The old connection delivers this stream and the successor does not."""
        return self.old_frames > 0 and self.new_frames == 0

    def expect(self) -> None:
        """The successor has asked for everything: what the old connection brings from now on it has to bring, too."""
        self.old_frames = 0

    def old(self, frame: bytes) -> bool:
        """A frame of the old connection: whether it is written."""
        if not self._old_leads:
            self.repeated += 1
            return False
        self.old_frames += 1
        if frame in self._held:
            _forget_through(self._held, frame)
            self._ahead.clear()
            self._align()
        else:
            self._keep(self._ahead, frame, None)
        return True

    def new(self, frame: bytes, time_ns: int) -> Sequence[HeldFrame]:
        """A frame of the successor: what is written now."""
        self.new_frames += 1
        if frame in self._ahead:
            _forget_through(self._ahead, frame)
            self._held.clear()
            self._align()
            self.over = not self._old_leads and not self._ahead
            return ()
        if not self._old_leads:  # and the old connection had not brought it either
            self.over = True
            return ((frame, time_ns),)
        self._keep(self._held, frame, time_ns)
        return ()

    def finish(self) -> Sequence[HeldFrame]:
        """The old connection is not waited for any longer: what is written now. What it brought is still passed over."""
        self._old_leads = False
        held = tuple(self._held.items())
        self._held.clear()
        self.over = not self._ahead
        return held

    @property
    def waiting(self) -> int:
        """Frames that are remembered of one connection, the fuller side."""
        return max(len(self._ahead), len(self._held))

    def _align(self) -> None:
        self.aligned = True
        self.repeated += 1

    def _keep(self, frames: dict[bytes, _T], frame: bytes, value: _T) -> None:
        frames[frame] = value
        if len(frames) > MOST_FRAMES:
            del frames[next(iter(frames))]
            self.forgotten += 1


def _forget_through(frames: dict[bytes, _T], last: bytes) -> None:
    while (frame := next(iter(frames))) != last:
        del frames[frame]
    del frames[last]
