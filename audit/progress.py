"""How far reading is, as a bar on the terminal; nothing where there is none."""

from __future__ import annotations

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

__all__ = ["Reading"]


class Reading:
    """A context manager; ``shown`` is False where the output is for programs."""

    def __init__(self, *, shown: bool) -> None:
        self._bar = Progress(
            TextColumn("raw records"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not (shown and sys.stderr.isatty()),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, records: int) -> None:
        """So many there are."""
        self._task = self._bar.add_task("", total=records)

    def progress(self, records: int) -> None:
        """So many more are read."""
        if self._task is not None:
            self._bar.advance(self._task, records)
