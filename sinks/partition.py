"""One partition of an event topic as the loader sees it: what is read, what is on its way, what is stored."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from confluent_kafka import Message

from sinks.batch import Batch, cut
from sinks.progress import Progress
from sinks.writer import Stored

__all__ = ["Limits", "Partition"]


class Limits:
    """When a batch closes: at ``rows``, at ``size`` bytes, or ``age_s`` seconds after its first record was read."""

    def __init__(self, *, rows: int, size: int, age_s: float) -> None:
        self.rows = rows
        self.size = size
        self.age_s = age_s


def _offset(message: Message) -> int:
    return message.offset() or 0


class Partition:
    """State of one partition between its assignment and its revocation.

    ``progress`` is what is (or has to be, where ``committed`` is False) committed to Kafka. ``held`` is the closed batch
    whose intent ``progress.last`` says; records read after it wait in ``pending``. ``passed_over`` counts offsets that were
    not there to be read: deleted by the topic's retention or its compaction before this sink came to them, or a transaction's
    markers.
    """

    def __init__(
        self, topic: str, number: int, progress: Progress, *, start: int, end: int, limits: Limits
    ) -> None:
        self.topic = topic
        self.number = number
        self.progress = progress
        self.committed = True
        self.held: Batch | None = None
        self.in_flight = False
        self.failures = 0
        self.retry_at_s = 0.0
        self.problem: tuple[str, str] | None = None
        self.paused = False
        self.pending: list[Message] = []
        self.pending_size = self.held_size = 0
        self.passed_over = 0
        self.end = end
        self._limits = limits
        self._rows = limits.rows
        self._opened_s = 0.0
        self.start = self._next = start

    @property
    def lag(self) -> int:
        """Offsets up to the end of the topic that are not stored yet."""
        return max(0, self.end - self.progress.offset)

    @property
    def rows_in_hand(self) -> int:
        """Records read and not stored yet."""
        return len(self.pending) + (len(self.held.messages) if self.held else 0)

    @property
    def size_in_hand(self) -> int:
        """Bytes of their values."""
        return self.pending_size + self.held_size

    def add(self, messages: Sequence[Message], now_s: float) -> None:
        """Records read from Kafka, in order. What was read before (a fetch repeated after a pause) is passed over."""
        if _offset(messages[0]) < self._next:
            messages = messages[bisect_right(messages, self._next - 1, key=_offset) :]
            if not messages:
                return
        self.passed_over += _offset(messages[0]) - self._next
        if not self.pending:
            self._opened_s = now_s
        self.pending += messages
        self.pending_size += sum(map(len, messages))
        self._next = _offset(messages[-1]) + 1

    def due(self, now_s: float, *, share: float = 1.0) -> bool:
        """Whether a batch can be closed; ``share`` of the age limit is enough where others close one anyway."""
        if self.held is not None or not self.pending:
            return False
        if self.progress.last is not None:  # an intent of whoever came before: that range, no other
            return _offset(self.pending[-1]) >= self.progress.last
        return (
            len(self.pending) >= self._rows
            or self.pending_size >= self._limits.size
            or now_s - self._opened_s >= self._limits.age_s * share
        )

    def ready(self, now_s: float) -> Batch | None:
        """The held batch, when it may be written now: its intent stands, nobody is writing it, no pause is on."""
        return self.held if self.committed and not self.in_flight and now_s >= self.retry_at_s else None

    def close(self, now_s: float) -> None:
        """Close a batch: take it out of the waiting records and make it the intent."""
        last = self.progress.last
        if last is None:
            count = cut(self.pending, rows=self._rows, size=self._limits.size)
            last = _offset(self.pending[count - 1])
            self.progress = Progress(self.progress.offset, self.progress.marks, last)
            self.committed = False
        else:
            count = bisect_right(self.pending, last, key=_offset)
        messages = self.pending[:count]
        del self.pending[:count]
        self.held_size = sum(map(len, messages))
        self.pending_size -= self.held_size
        self._opened_s = now_s
        self.held = Batch(self.topic, self.number, self.progress.offset, last, messages, self.progress.marks)

    def stored(self, batch: Batch, outcome: Stored) -> None:
        """The held ``batch`` is dealt with."""
        self.held = None
        self.held_size = 0
        self.progress = Progress(batch.last + 1, outcome.marks)
        self.committed = False
        self._rows = min(self._limits.rows, self._rows * 2)
        self.failures = 0
        self.problem = None

    def halve(self, batch: Batch, middle: int) -> None:
        """The held ``batch`` has a record that cannot be stored: hold only what is up to ``middle``, the rest waits again.

        The shorter range is an intent like any other, so a crash at any moment leaves one range to repeat and no other.
        Later batches stay short for a while: there may be more where this record came from.
        """
        count = bisect_right(batch.messages, middle, key=_offset)
        rest = batch.messages[count:]
        self.pending[:0] = rest
        size = sum(map(len, rest))
        self.pending_size += size
        self.held_size -= size
        self._opened_s = float("-inf")
        self._rows = max(1, count)
        self.progress = Progress(batch.first, batch.marks, middle)
        self.committed = False
        self.held = Batch(self.topic, self.number, batch.first, middle, batch.messages[:count], batch.marks)

    def failed(self, side: str, problem: str, retry_at_s: float) -> None:
        """The held batch could not be dealt with because of ``side``; it is tried again at ``retry_at_s``."""
        self.failures += 1
        self.problem = (side, problem)
        self.retry_at_s = retry_at_s
