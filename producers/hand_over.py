"""From one connection to its successor, stream by stream, with no frame lost and none doubled. No I/O.

Both connections are sent the same frames of a stream in the same order, each at its own moment; the successor joins
somewhere in the middle. So the first frame it brings is looked for among those the old connection has brought since:

* found: the successor is behind. It is passed over until it has brought all that the old one did, then it leads.
* not found: it is ahead (or the old one is late). Its frames are held until the old one brings the first of them.

Frames are compared byte for byte. What is guaranteed: while both deliver, each frame is written once and in order. When the
time for it is over, or the old connection ends first, the successor leads at once: what it holds is written, so nothing
is lost that it was sent; a frame is doubled only where the exchange sent two connections different bytes for one event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

__all__ = ["HandOver", "HeldFrame"]

HeldFrame = tuple[bytes, int]
"""A frame and its receive time in ns."""

_MOST_FRAMES = 10_000


class HandOver:
    """The hand-over of one stream. ``over``: the successor leads, and there is nothing left to compare. ``repeated`` counts
    frames that one connection brought and the other had written.
    """

    def __init__(self) -> None:
        self.over = False
        self.old_frames = 0
        self.new_frames = 0
        self.repeated = 0
        self._old_leads = True
        self._aligned = False
        self._ahead: deque[bytes] = deque(maxlen=_MOST_FRAMES)
        """What the old connection brought and the successor has not, since they overlap."""
        self._held: deque[HeldFrame] = deque()
        """What the successor brought and the old connection has not."""

    @property
    def starving(self) -> bool:
        """The old connection delivers this stream and the successor does not."""
        return self.old_frames > 0 and self.new_frames == 0

    def old(self, frame: bytes) -> tuple[bool, Sequence[HeldFrame]]:
        """A frame of the old connection: whether it is written, and what of the successor's is written after it."""
        if not self._old_leads:
            self.repeated += 1
            return False, ()
        self.old_frames += 1
        if self._held and self._held[0][0] == frame:
            self._held.popleft()
            self.repeated += 1
            return True, self._lead()
        self._ahead.append(frame)
        return True, ()

    def new(self, frame: bytes, time_ns: int) -> Sequence[HeldFrame]:
        """A frame of the successor: what is written now."""
        self.new_frames += 1
        if self._held:
            self._held.append((frame, time_ns))
            return self._lead() if len(self._held) > _MOST_FRAMES else ()
        if self._passes_over(frame):
            if not self._ahead:
                self._lead()
            return ()
        if (
            self._aligned or not self._old_leads
        ):  # the old connection will not bring it: it has gone other ways
            self._ahead.clear()
            return (*self._lead(), (frame, time_ns))
        self._held.append((frame, time_ns))
        return ()

    def finish(self) -> Sequence[HeldFrame]:
        """The old connection is not waited for any longer: what is written now. What it brought is still passed over."""
        self._old_leads = False
        return () if self._ahead and not self._held else self._lead()

    def _passes_over(self, frame: bytes) -> bool:
        ahead = self._ahead
        if ahead and ahead[0] == frame:
            ahead.popleft()
        elif frame in ahead:
            while ahead.popleft() != frame:
                pass
        else:
            return False
        self._aligned = True
        self.repeated += 1
        return True

    def _lead(self) -> Sequence[HeldFrame]:
        self._old_leads = False
        self.over = True
        held = tuple(self._held)
        self._held.clear()
        return held
