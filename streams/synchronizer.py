"""Keeping one book in step with its exchange: join by snapshot, follow, notice a loss, join again.

The venue states the rule (``venues.interface.Continuity``), this runs it. A snapshot is asked of REST and joined with the
diffs that waited for it, or it comes in the stream of the diffs (*in band*): then it replaces whatever was known, always.
States and what leads on:

=============  =======================================  ==============================================================
state          a diff                                   a snapshot asked of REST
=============  =======================================  ==============================================================
``EMPTY``      kept; → ``BUFFERING``                    → ``LIVE``
``BUFFERING``  kept · ids and time contradict the one   kept diffs are judged: old ones dropped, the rest applied
               kept before: those are forgotten         → ``LIVE``; a hole among them → ``BUFFERING`` from it on
``LIVE``       follows: applied · old: dropped ·        ignored
               hole: kept, → ``BUFFERING`` (gap) ·
               ids and time contradict: kept,
               → ``BUFFERING`` (restart)
=============  =======================================  ==============================================================

No clock and no I/O: the same frames give the same book, whenever they are read. Waiting diffs are bounded: past the
limit they are forgotten, counted, and keeping starts again with the next one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from bookmill.book import Book
from venues.interface import Continuity, Verdict
from venues.messages import BookDiff, BookImage, Checksum

__all__ = ["Counters", "Loss", "Phase", "Synchronizer"]

_FIRST = "first"
_REWIND_MICROS = 60_000_000
"""An old diff is a repetition when its time is that of the book's past minute; older or newer, the sequence was restarted."""


class Phase(enum.Enum):
    """Where a synchronizer stands."""

    EMPTY = "empty"
    BUFFERING = "buffering"
    LIVE = "live"


class Loss(NamedTuple):
    """A live book is lost: why, what should have come and what came, where something tells; and since when, in µs of receipt,
    where that is not the record before."""

    reason: str
    expected: str | None = None
    seen: str | None = None
    since_micros: int | None = None


class Counters:
    """What happened to one book, as plain ints: read by statistics, never by the data path."""

    __slots__ = (
        "applied",
        "checksum_failures",
        "gaps",
        "ignored_images",
        "joins",
        "losses",
        "old",
        "overflows",
        "replacements",
        "restarts",
    )

    def __init__(self) -> None:
        self.applied = 0
        self.old = 0
        self.gaps = 0
        self.joins = 0
        self.restarts = 0
        self.overflows = 0
        self.ignored_images = 0
        self.replacements = 0
        """Live books that an image in the stream replaced."""
        self.checksum_failures = 0
        self.losses = 0
        """Times the producer said that frames are missing."""


class Synchronizer:
    """The state machine of one book.

    ``reason`` says why a snapshot is needed: first, gap, restart, overflow, crossed, checksum, what the producer said, old (the
    snapshot that came was older than the kept diffs); empty while live. ``loss`` is the loss of a live book that nobody has
    taken notice of yet.
    """

    def __init__(self, continuity: Continuity, pending_limit: int) -> None:
        self._continuity = continuity
        self._pending_limit = pending_limit
        self._pending: list[BookDiff] = []
        self._joined = False
        self.book = Book()
        self.phase = Phase.EMPTY
        self.last_id = -1
        self.last_time_micros: int | None = None
        self.reason = _FIRST
        self.loss: Loss | None = None
        self.counters = Counters()

    @property
    def needs_image(self) -> bool:
        """Whether a snapshot should be asked for."""
        return self.phase is Phase.BUFFERING

    @property
    def pending(self) -> int:
        """Diffs that wait for a snapshot."""
        return len(self._pending)

    def offer(self, diff: BookDiff) -> bool:
        """Take a diff; True when the book now stands at it."""
        if self.phase is not Phase.LIVE:
            self._keep(diff)
            return False
        verdict = self.judge(diff)
        if verdict is Verdict.APPLY:
            self._apply(diff)
            return diff.checksum is None or self._agrees(diff.checksum)
        if verdict is Verdict.OLD and not _contradicts(diff, self.last_time_micros):
            self.counters.old += 1
            return False
        if verdict is Verdict.GAP:
            self.counters.gaps += 1
            self.lose("gap", *self._expected(diff))
        else:
            self.counters.restarts += 1
            self.lose("restart", *self._expected(diff))
        self._keep(diff)
        return False

    def replace(self, image: BookImage) -> bool:
        """Take an image that came in the stream: what was kept lies before it. False when it is not what its checksum says."""
        self.book.replace(image.bids, image.asks)
        if image.depth is not None:
            self.book.truncate(image.depth)
        self.last_id, self.last_time_micros = image.last_id, image.exchange_time_micros
        self._pending.clear()
        self._joined = True  # what comes next follows it as it would follow a diff
        if image.checksum is not None and not self._agrees(image.checksum):
            return False
        if self.phase is Phase.LIVE:
            self.counters.replacements += 1
        else:
            self.counters.joins += 1
        self.phase = Phase.LIVE
        self.reason = ""
        return True

    def install(self, image: BookImage) -> Iterator[BookDiff]:
        """Take a snapshot; yields each waiting diff right after it was applied. Live afterwards unless they leave a hole."""
        if self.phase is Phase.LIVE:
            self.counters.ignored_images += 1
            return
        self.book.replace(image.bids, image.asks)
        self.last_id, self.last_time_micros = image.last_id, image.exchange_time_micros
        self._joined = False
        waiting, self._pending = self._pending, []
        for position, diff in enumerate(waiting):
            verdict = self.judge(diff)
            if verdict is Verdict.GAP:
                self._pending = waiting[position:]
                self.reason = "gap" if self._joined else "old"
                self.counters.gaps += self._joined
                return
            if verdict is Verdict.OLD:
                self.counters.old += 1
                continue
            self._apply(diff)
            yield diff
        self.phase = Phase.LIVE
        self.reason = ""
        self.counters.joins += 1

    def tell_lost(self, reason: str, since_micros: int | None = None) -> None:
        """The producer knows that frames are missing. Without a book there is nothing to lose."""
        if self.phase is Phase.LIVE:
            self.counters.losses += 1
            self.lose(reason, since_micros=since_micros)

    def lose(
        self,
        reason: str,
        expected: str | None = None,
        seen: str | None = None,
        *,
        since_micros: int | None = None,
    ) -> None:
        """Stop trusting the book; a snapshot is needed."""
        if self.phase is Phase.LIVE:
            self.loss = Loss(reason, expected, seen, since_micros)
        self.phase = Phase.BUFFERING
        self.reason = reason

    def restore(self, image: BookImage, *, joined: bool, reason: str) -> None:
        """Stand where a checkpoint stood: live without a ``reason``, empty before the ``first`` join, else waiting."""
        self.book.replace(image.bids, image.asks)
        self.last_id, self.last_time_micros = image.last_id, image.exchange_time_micros
        self._pending.clear()
        self._joined = joined
        self.phase = Phase.LIVE if not reason else Phase.EMPTY if reason == _FIRST else Phase.BUFFERING
        self.reason = reason

    @property
    def joined(self) -> bool:
        """Whether a diff has been applied since the snapshot; until then the venue's join rule holds."""
        return self._joined

    def judge(self, diff: BookDiff) -> Verdict:
        """What a diff is to the book as it stands, by the venue's rule."""
        rule = self._continuity.follow if self._joined else self._continuity.join
        return rule(self.last_id, diff)

    def _apply(self, diff: BookDiff) -> None:
        self.book.apply(diff.bids, diff.asks)
        if diff.depth is not None:
            self.book.truncate(diff.depth)
        self.last_id, self.last_time_micros = diff.last_id, diff.exchange_time_micros
        self._joined = True
        self.counters.applied += 1

    def _agrees(self, checksum: Checksum) -> bool:
        """Whether the book has the exchange's checksum; it is lost otherwise."""
        rule, book = self._continuity, self.book
        levels = rule.checked_levels
        if rule.agrees(book.bids.levels(levels), book.asks.levels(levels), checksum):
            return True
        self.counters.checksum_failures += 1
        self.lose("checksum", str(checksum.value))
        return False

    def _expected(self, diff: BookDiff) -> tuple[str, str]:
        """The id that should have come, and the one that came: of the diff before where diffs name it."""
        if diff.previous_id is not None and self._joined:
            return str(self.last_id), str(diff.previous_id)
        return str(self.last_id + 1), str(diff.first_id)

    def _keep(self, diff: BookDiff) -> None:
        if self._pending:
            before = self._pending[-1]
            if diff.last_id <= before.last_id and _contradicts(diff, before.exchange_time_micros):
                # No snapshot can join both sequences: with the older kept, the book would wait for ever.
                self._pending.clear()
                self.counters.restarts += 1
                self.reason = "restart"
        if len(self._pending) >= self._pending_limit:
            self._pending.clear()
            self.counters.overflows += 1
            self.reason = "overflow"
        self._pending.append(diff)
        self.phase = Phase.BUFFERING


def _contradicts(diff: BookDiff, then: int | None) -> bool:
    """An old id with a newer time than ``then``, or from long ago, is no repetition: the exchange (or a replay) started anew."""
    now = diff.exchange_time_micros
    return now is not None and then is not None and (now > then or now < then - _REWIND_MICROS)
