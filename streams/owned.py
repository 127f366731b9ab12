"""One raw partition of a worker: its instruments, how far what they gave is stored, and their checkpoints in turn."""

from __future__ import annotations

import json
import time
import zlib

from streams.checkpoints import pack
from streams.output import Deliveries
from streams.partition import RawPartition

__all__ = ["OwnedPartition"]


class OwnedPartition:
    """A raw partition this worker has been given, and how far its output is stored."""

    def __init__(self, raw: RawPartition) -> None:
        self.raw = raw
        self.deliveries = Deliveries(raw.position)
        self.highwater = raw.position
        self.committed: tuple[int, str] = (-1, "")
        self._checkpointed_s: dict[bytes, float] = {}
        self._waiting: list[tuple[bytes, int, bytes]] = []
        """Checkpoints taken, (instrument, position, value), that wait for the events they contain to be stored."""

    @property
    def lag(self) -> int:
        """Raw records not yet processed."""
        return max(0, self.highwater - self.raw.position)

    def commit(self) -> tuple[int, str]:
        """Offset and metadata to commit: covered by checkpoints and stored events; ``processed`` says how far events are stored."""
        stored = self.deliveries.position
        return min(self.raw.safe_position, stored), json.dumps({"processed": stored})

    def take_checkpoints(self, interval_s: float, *, most: int) -> None:
        """Pack up to ``most`` instruments whose last checkpoint is older than the interval; each has its own turn in it."""
        now = time.monotonic()
        for key in list(self.raw.needed):
            turn = self._checkpointed_s.setdefault(key, now - zlib.crc32(key) % 1000 / 1000 * interval_s)
            instrument = self.raw.instruments[key]
            if (
                now - turn < interval_s
                or instrument.last_offset < instrument.checkpointed_at
                or instrument.overlap.ahead
                or key in self.raw.covering
            ):
                continue
            self._checkpointed_s[key] = now
            self._waiting.append((key, self.raw.position, pack(self.raw, instrument)))
            self.raw.covering[key] = (self.raw.position, self.raw.first_needed(instrument))
            most -= 1
            if not most:
                return

    def storable_checkpoints(self) -> list[tuple[bytes, bytes]]:
        """Instrument and value of the checkpoints whose events are all stored."""
        ready = [
            (key, value) for key, position, value in self._waiting if position <= self.deliveries.position
        ]
        self._waiting = [item for item in self._waiting if item[1] > self.deliveries.position]
        return ready
