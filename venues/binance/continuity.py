"""How the diffs of Binance's books follow a snapshot and each other (protocol page, sections 3.5 and 4.4, cases of 2.4)."""

from __future__ import annotations

from venues.adapter import Following, Ordered
from venues.interface import Verdict
from venues.messages import BookDiff

__all__ = ["SpotContinuity", "UsdmContinuity"]


class SpotContinuity(Ordered):
    """Spot: the next diff starts at or before the id after the last one (section 3.5, cases of 2.4)."""

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """As :meth:`follow`: a snapshot's id is an update id like any other."""
        return self.follow(image_id, diff)

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """``u <= id`` is old, ``U > id + 1`` leaves a hole, the rest applies."""
        if diff.last_id <= last_id:
            return Verdict.OLD
        return Verdict.APPLY if diff.first_id <= last_id + 1 else Verdict.GAP


class UsdmContinuity(Following):
    """USD-M, COIN-M: each diff names the one before it in ``pu``; ``U`` says nothing, ids are shared by all symbols (section 4.4)."""

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """The first diff straddles the snapshot (``pu`` is then not looked at) or starts right after it (``pu == id``)."""
        if diff.last_id < image_id:
            return Verdict.OLD
        return Verdict.APPLY if diff.first_id <= image_id or diff.previous_id == image_id else Verdict.GAP
