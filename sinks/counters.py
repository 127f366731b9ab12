"""What a sink has done so far: plain numbers that the loader bumps and the status server reads."""

from __future__ import annotations

from dataclasses import dataclass

from sinks.writer import Stored

__all__ = ["Counters"]


@dataclass
class Counters:
    """Since the start of this process."""

    batches: int = 0
    rows: int = 0
    bytes: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    retries: int = 0
    halved: int = 0
    commits: int = 0
    commit_failures: int = 0
    read_errors: int = 0
    insert_seconds: float = 0.0

    def stored(self, outcome: Stored) -> None:
        """Add one batch."""
        self.batches += 1
        self.rows += outcome.rows
        self.bytes += outcome.size
        self.duplicates += outcome.duplicates
        self.dead_letters += outcome.dead_letters
        self.insert_seconds += outcome.insert_s
