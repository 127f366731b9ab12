"""Plays a recording to whoever subscribed: at its own pace, N times faster, or as fast as the clients read.

Nothing is lost at the beginning: playback starts when every stream of it that a client is expected to want is subscribed, or
a grace period after the first of them. From then on a frame that nobody is subscribed to is counted as unsent.
A client that reads slowly slows playback down instead of losing frames.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from simulator.dialect import Dialect
from simulator.hub import Hub
from simulator.recording import Recording

__all__ = ["Playback"]

_BATCH_FRAMES = 512
_TICK_S = 0.002


@dataclass
class Playback:
    """One recording on one market. ``speed`` is a factor of the recorded pace, infinite for as fast as read."""

    recording: Recording
    hub: Hub
    dialect: Dialect
    speed: float
    grace_s: float

    def __post_init__(self) -> None:
        streams = self.recording.streams
        self._channels = [self.dialect.recorded_channel(stream, self.hub) for stream in streams]
        self._expected = [
            channel for channel, name in zip(self._channels, streams) if self.dialect.expected(name)
        ]
        self.played = 0
        self.started = False

    @property
    def finished(self) -> bool:
        """Whether the last frame was handed over."""
        return self.played == len(self.recording.frames)

    def statistics(self) -> dict[str, Any]:
        """How far it is."""
        return {
            "frames": len(self.recording.frames),
            "played": self.played,
            "started": self.started,
            "finished": self.finished,
        }

    async def run(self) -> None:
        """Wait for subscribers, then play to the end."""
        await self.hub.wait_for_subscribers(self._expected, every=False)
        with suppress(TimeoutError):  # nobody wants the rest: it is counted as unsent
            await asyncio.wait_for(
                self.hub.wait_for_subscribers(self._expected, every=True), timeout=self.grace_s
            )
        self.started = True
        clock = asyncio.get_running_loop().time
        start_s, first_ns = clock(), self.recording.times_ns[0]
        while not self.finished:
            await self.hub.drain()
            due_ns = math.inf
            if math.isfinite(self.speed):
                due_ns = first_ns + (clock() - start_s) * self.speed * 1e9
            self._play(due_ns)
            self.hub.flush()
            # Behind, or without a pace, only others get their turn; else the next tick is waited for.
            ahead = not self.finished and self.recording.times_ns[self.played] > due_ns
            await asyncio.sleep(_TICK_S if ahead else 0)

    def _play(self, due_ns: float) -> None:
        """Publish the frames that are due, a batch at most."""
        recording, channels = self.recording, self._channels
        times_ns, stream_of, frames = recording.times_ns, recording.stream_of, recording.frames
        index = self.played
        last = min(index + _BATCH_FRAMES, len(frames))
        while index < last and times_ns[index] <= due_ns:
            channels[stream_of[index]].publish(frames[index])
            index += 1
        self.played = index
