"""The processes of bookmill in a run: started, killed, paused, joined by others; and watched, for none may end by itself unasked."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import httpx2

from tests.integration.parts import RunningPart

__all__ = ["COMMANDS", "Fleet", "Member"]

COMMANDS = {"producer": "produce", "worker": "worker", "sink": "sink"}
"""Of ``bookmill``, by kind of part."""

_POLL_S = 0.2
_AGAIN_S = 1.0
_STOP_S = 60.0
_HURRY_S = 0.5


class Member:
    """One part by its name (``worker-1``). ``wanted``: it should be running, so the fleet starts it when it is not."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.kind = name.partition("-")[0]
        self.wanted = True
        self.lock = threading.RLock()
        self.started_s = time.monotonic()
        self.log_path = folder / f"{name}.log"
        self.part = RunningPart([COMMANDS[self.kind]], environment, self.log_path)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.part.process.poll() is None

    def start(self) -> None:
        """Again, after it ended."""
        self.part.restart()
        self.started_s = time.monotonic()

    def status(self) -> dict[str, Any]:
        """What it says of itself; empty when it says nothing now."""
        with suppress(AssertionError, httpx2.HTTPError, ValueError, StopIteration):
            return self.part.status()
        return {}

    def last_word(self) -> str:
        """What it gave up with, else the last line of its log."""
        lines = self.part.log.strip().splitlines() or [""]
        return next((line for line in reversed(lines[-5:]) if line.startswith("bookmill: ")), lines[-1])


class Fleet:
    """Starts members, and starts again those that gave up. ``problems``: a sentence for each end that should not have been.

    A part may give up (one sentence, exit status 1) while something it needs is away: ``excuse`` says whether that is so. Whoever
    runs parts in earnest starts them again then, as is done here. Any other end is a problem.
    """

    def __init__(
        self,
        environment: Callable[[], Mapping[str, str]],
        folder: Path,
        excuse: Callable[[float], bool],
        say: Callable[[str], None],
    ) -> None:
        self.problems: list[str] = []
        self.gave_up = 0
        self.members: dict[str, Member] = {}
        self._environment = environment
        self._folder = folder
        self._excuse = excuse
        self._say = say
        self._guests = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="fleet", daemon=True)
        self._watcher.start()

    def add(self, name: str) -> Member:
        """Start one more."""
        member = self.members[name] = Member(name, self._environment(), self._folder)
        return member

    def guest(self, kind: str) -> Member:
        """Start one more, under a name nobody had."""
        self._guests += 1
        return self.add(f"{kind}-guest{self._guests}")

    def of(self, kind: str) -> list[Member]:
        """All of a kind."""
        return [member for member in list(self.members.values()) if member.kind == kind]

    def kill(self, part: str, seconds: float) -> None:
        """kill -9, and start it again after ``seconds``."""
        member = self.members[part]
        with member.lock:
            if member.running:
                member.part.kill()
            time.sleep(seconds)
            member.start()

    def stop(self, name: str, *, hurry: bool = False) -> None:
        """SIGTERM; it has to end in order. ``hurry``: it is told a second time, and waits for nobody."""
        member = self.members[name]
        with member.lock:
            told_before, member.wanted = not member.wanted, False
            if not member.running:
                if not told_before:
                    self._judge_end(member)
                return
            if hurry:
                member.part.process.send_signal(signal.SIGTERM)
                time.sleep(_HURRY_S)
            try:
                status = member.part.stop(_STOP_S)
            except TimeoutExpired:
                self.problems.append(f"{name} did not stop within {_STOP_S:.0f} s: {member.last_word()}")
                member.part.kill()
                return
            if hurry and status == -signal.SIGTERM and "producer stopped" in member.last_word():
                return  # the second signal came when it had done everything
            if status == -signal.SIGTERM and not member.part.address:
                return  # it had not yet begun to listen for signals, or to work
            if status:
                self._judge_end(member)  # it may have been about to give up

    def restart(self, part: str, seconds: float) -> None:
        """SIGTERM, and start it again after ``seconds``."""
        member = self.members[part]
        with member.lock:
            self.stop(part)
            time.sleep(seconds)
            member.start()
            member.wanted = True

    def pause(self, part: str, seconds: float) -> None:
        """It stands still, and then goes on where it was, as after a machine's sleep."""
        member = self.members[part]
        with member.lock:
            if not member.running:
                return
            member.part.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            member.part.process.send_signal(signal.SIGCONT)

    def leave(self, member: Member) -> None:
        """A guest goes."""
        self.stop(member.name)
        with member.lock:
            self.close(member)
            del self.members[member.name]

    def end(self) -> None:
        """All of them, in the order of the data's way."""
        self._over.set()
        self._watcher.join()
        for kind in COMMANDS:
            for member in self.of(kind):
                self.stop(member.name)
        for member in self.members.values():
            self.close(member)
        self.problems += [f"{member.name} still runs" for member in self.members.values() if member.running]

    def abandon(self) -> None:
        """All at once, whatever they are doing."""
        self._over.set()
        self._watcher.join()
        for member in self.members.values():
            if member.running:
                member.part.process.send_signal(signal.SIGCONT)
                member.part.kill()
            self.close(member)

    def close(self, member: Member) -> None:
        """Its pipe, and what its log says of errors nobody handled."""
        if member.part.process.stdout:
            member.part.process.stdout.close()
        text = member.log_path.read_text(encoding="utf-8", errors="replace")
        if "Traceback" in text:
            where = text.index("Traceback")
            shown = re.sub(r"\s+", " ", text[where : where + 1500])
            self.problems.append(f"{member.name} wrote a traceback: {shown}")

    def _watch(self) -> None:
        while not self._over.wait(_POLL_S):
            for member in list(self.members.values()):
                if member.running or not member.lock.acquire(blocking=False):
                    continue
                try:
                    if member.wanted and not member.running and not self._over.is_set():
                        self._judge_end(member)
                        time.sleep(_AGAIN_S)
                        member.start()
                finally:
                    member.lock.release()

    def _judge_end(self, member: Member) -> None:
        status = member.part.process.returncode
        word = member.last_word()
        # Told to stop when it had said why it gives up, it may end by the signal.
        if (
            status in {1, -signal.SIGTERM}
            and word.startswith("bookmill: ")
            and self._excuse(member.started_s)
        ):
            self.gave_up += 1
            self._say(f"{member.name} gave up and is started again: {word}")
        else:
            self.problems.append(f"{member.name} ended with {status}: {word}")
