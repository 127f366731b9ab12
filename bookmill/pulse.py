"""Whether a thread comes back from the library it calls. Nothing ends a call that does not return but the end of the process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import structlog

__all__ = ["Pulse", "ended_without"]

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_SUSPICIOUS_S = 20.0
_PLACES = 4
_AFTER_S = 120.0
"""A batch under way is waited for half a minute when its partition goes, and a commit as long as a request may take."""


class Pulse:
    """``beats`` are counted by the thread itself; ``silent_s``: for so long there has been none, as :func:`ended_without` has seen."""

    def __init__(self) -> None:
        self.beats = 0
        self.silent_s = 0.0

    def beat(self) -> None:
        """The thread is here again."""
        self.beats += 1

    @property
    def problem(self) -> str:
        """A sentence for the health, empty while all is well."""
        if self.silent_s < _SUSPICIOUS_S:
            return ""
        return f"A call of a library has not come back for {self.silent_s:.0f} s."


@contextmanager
def ended_without(pulse: Pulse, *, after_s: float = _AFTER_S, every_s: float = _EVERY_S) -> Iterator[None]:
    """While this lasts the process ends with a sentence and status 1 where ``pulse``, which this thread gives, stands still for ``after_s``.

    It is looked at ``every_s``, and looks are counted, not a clock: a process that stood still as a whole is not silent. What it has in
    hand is lost with it, as by ``kill -9``; where it hangs stands in the log.
    """
    over, watched = threading.Event(), threading.get_ident()
    thread = threading.Thread(
        target=_watch, args=(pulse, watched, over, after_s, every_s), name="pulse", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(pulse: Pulse, watched: int, over: threading.Event, after_s: float, every_s: float) -> None:
    known = pulse.beats
    while not over.wait(every_s):
        if pulse.beats != known:
            known, pulse.silent_s = pulse.beats, 0.0
            continue
        pulse.silent_s += every_s
        if pulse.silent_s >= after_s:
            _log.error("a call does not come back", place=_place(watched), silent_s=round(pulse.silent_s))
            text = f"A call of a library has not come back for {after_s:.0f} s. Start this part again."
            click.echo(f"bookmill: {text}", err=True)
            os._exit(1)


def _place(thread: int) -> str:
    """Where a thread is, innermost first."""
    frame, found = sys._current_frames().get(thread), list[str]()
    while frame is not None and len(found) < _PLACES:
        code = frame.f_code
        found.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(found)
