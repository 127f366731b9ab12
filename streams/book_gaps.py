"""What the ledger says of one book: a loss opens a gap, and the next join after which the book is told of again closes it. The first
join closes nothing."""

from __future__ import annotations

from schemas.gap_events import Cause, Healing
from streams.emitter import Emitter, Place
from streams.gaps import Gap, Gaps, cause_of
from streams.synchronizer import Loss, Synchronizer

__all__ = ["BookGaps"]

_STREAM = "book"


class BookGaps:
    """Losses and joins are noted while a record is processed and told when it is done, after its other events."""

    def __init__(self, gaps: Gaps, emitter: Emitter) -> None:
        self._gaps = gaps
        self._emitter = emitter
        self._noted: list[tuple[Loss, Cause, int] | Healing] = []
        self.cause: Cause = "sequence"
        self.cause_at: int | None = None
        """Why changes after the one with this id may be missing, as the producer told."""

    def tell(self, cause: Cause, last_id: int) -> None:
        """Changes may be missing from here on; only the next one shows it."""
        self.cause, self.cause_at = cause, last_id

    def note_loss(self, synchronizer: Synchronizer, whole_micros: int) -> bool:
        """Take notice of a loss; False where there was none. ``whole_micros``: what was told since then is not sure either, unless 0."""
        loss, synchronizer.loss = synchronizer.loss, None
        if loss is None:
            return False
        cause = cause_of(loss.reason)
        if cause in ("sequence", "restart") and self.cause_at == synchronizer.last_id:
            cause = self.cause
        self._noted.append((loss, cause, whole_micros))
        return True

    def note_join(self, healed: Healing) -> None:
        """The book is whole again, and told of."""
        self._noted.append(healed)

    def note_untold(self, since_micros: int, expected: int, seen: int) -> None:
        """The book went on from update id ``seen``, short of ``expected``, and nothing was told of it since then."""
        loss = Loss("restart", str(expected), str(seen), since_micros)
        self._noted += ((loss, cause_of(loss.reason), 0), "image")

    def note_failure(self) -> None:
        """An image came that did not bring the book back."""
        if self._gaps.book is not None:
            self._gaps.book.attempts += 1

    def settle(self, opened_micros: int, exchange_micros: int | None, place: Place) -> bool:
        """Tell what was noted; whether a gap opens with it and stays open. ``opened_micros``: when the last frame before was received,
        for losses that say nothing else."""
        lost = False
        gaps = self._gaps
        for noted in self._noted:
            if isinstance(noted, tuple) and gaps.book is not None:
                gaps.book.attempts += 1  # the image that came was not told of yet
            elif isinstance(noted, tuple):
                loss, cause, whole_micros = noted
                since_micros = opened_micros if loss.since_micros is None else loss.since_micros
                since_micros = min(since_micros, whole_micros or since_micros)
                gap = Gap("", _STREAM, cause, since_micros, loss.expected, loss.seen)
                gaps.book = gaps.open_gap(gap, exchange_micros, self._emitter, place)
                lost = True
            elif gaps.book is not None:
                gaps.book.attempts += 1
                gaps.close_gap(gaps.book, noted, exchange_micros, self._emitter, place, complete=True)
                gaps.book, lost = None, False
        self._noted.clear()
        return lost

    def tell_past(
        self, cause: Cause, since_micros: int, until_micros: int, exchange_micros: int | None, place: Place
    ) -> None:
        """Changes of a time that is over are missing: only now it shows. An image had made the book whole again."""
        gap = Gap("", _STREAM, cause, since_micros, attempts=1)
        self._gaps.open_gap(gap, exchange_micros, self._emitter, place)
        self._gaps.close_gap(
            gap, "image", exchange_micros, self._emitter, place, complete=True, closed_micros=until_micros
        )
