"""How long steps are told to the user: bars on a terminal, plain lines elsewhere. Always on stderr, data owns stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Advance", "ConsoleProgress", "Progress", "QuietProgress"]

Advance = Callable[[int], None]


class Progress(Protocol):
    """What the platform calls while it works; calls come from several threads."""

    def step(self, text: str) -> None:
        """One finished or begun step, a short sentence without a full stop."""

    @contextmanager
    def download(self, text: str, total_bytes: int) -> Iterator[Advance]:
        """Surrounds a download; the function given takes the number of bytes that came."""


class QuietProgress:
    """Says nothing."""

    def step(self, text: str) -> None:
        """Ignore it."""

    @contextmanager
    def download(self, text: str, total_bytes: int) -> Iterator[Advance]:  # noqa: ARG002  the signature is the protocol's
        """Ignore it."""
        yield lambda _count: None


class ConsoleProgress:
    """Lines on stderr, and a bar for downloads when stderr is a terminal."""

    def step(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    @contextmanager
    def download(self, text: str, total_bytes: int) -> Iterator[Advance]:
        """A bar with size, speed and time left."""
        if not sys.stderr.isatty():
            self.step(f"{text}, {total_bytes / 1e6:.0f} MB")
            yield lambda _count: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(text, total=total_bytes)
            yield lambda count: bar.advance(task, count)
