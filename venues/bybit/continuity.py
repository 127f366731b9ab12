"""How the deltas of Bybit's books follow an image and each other (protocol page, section 6.3, cases of 2.4)."""

from __future__ import annotations

from venues.adapter import Ordered
from venues.interface import Verdict
from venues.messages import BookDiff

__all__ = ["BybitContinuity"]


class BybitContinuity(Ordered):
    """Each delta has the next ``u``. What has ``u`` 1 is an image (a restart) and is decoded as one: no rule sees it."""

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """As :meth:`follow`: an image's ``u`` is one of the same count."""
        return self.follow(image_id, diff)

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """``u`` up to the last one is old, the next one applies, any other leaves a hole."""
        if diff.last_id == last_id + 1:
            return Verdict.APPLY
        return Verdict.OLD if diff.last_id <= last_id else Verdict.GAP
