"""A connection succeeds others make-before-break: it delivers before those that bring the streams now are closed.

What is done to each stream meanwhile is in :mod:`producers.hand_over`; here it is decided whether, and when, the successor takes over.
Where it does not, all is as before: giving it up costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping

import structlog

from producers.connection import FAILURES, Connection
from producers.line_connections import ANSWERED_S, LineConnections
from producers.stream import Source, Stream
from venues.interface import Route

__all__ = ["replace", "take_over"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.1
_LONGEST_OVERLAP = 3
"""Overlaps after which a successor that does not deliver all that the old connection does is given up."""


async def take_over(
    connections: LineConnections, streams: Mapping[Route, Stream], overlap_s: float
) -> Connection:
    """The first connection of a line that succeeds others: what those bring of its streams is handed over to it."""
    while True:
        led = {
            stream: old
            for stream in streams.values()
            if (old := stream.leader or stream.new) is not None and not old.over
        }
        for stream, old in led.items():
            stream.begin(old)
        try:
            new = await connections.connect(streams)
        except FAILURES as error:
            _give_back(led)
            connections.note_failure(error)
        else:
            for stream in streams.values():
                if stream in led:
                    stream.join(new)
                    continue
                stream.lead(new)
                if stream.frames:  # who brought it has ended meanwhile
                    stream.tell_lost(new, "disconnect", time.time_ns())
            connections.start(new)
            if await _delivers(new, set(led.values()), streams, overlap_s):
                _end(streams)
                return new
            _give_back(led)
            await connections.drop(new)
            connections.note_failure(ConnectionError(new.ended or "it does not deliver what others do"))
        await asyncio.sleep(connections.backoff.next_s())


async def replace(
    connections: LineConnections, streams: Mapping[Route, Stream], old: Connection, overlap_s: float
) -> Connection:
    """Hand over to a new connection. Whichever is alive afterwards is returned, the successor if it can be."""
    for stream in streams.values():
        stream.begin(old)
    try:
        new = await connections.connect(streams)
    except FAILURES as error:
        _give_back(dict.fromkeys(streams.values(), old))
        connections.counts.failures += 1
        _log.warning("no successor yet", line=connections.name, connection=old.name, reason=str(error))
        return old
    for stream in streams.values():
        stream.join(new)
    connections.start(new)
    if not await _delivers(new, (old,), streams, overlap_s):
        _give_back(dict.fromkeys(streams.values(), old))
        connections.current = old
        await connections.drop(new)
        _log.warning(
            "successor does not deliver", line=connections.name, connection=new.name, reason=new.ended
        )
        return old
    _end(streams)
    await connections.drop(old)
    connections.counts.replaced += 1
    _log.info("connection replaced", line=connections.name, old=old.name, new=new.name)
    return new


def _give_back(led: Mapping[Stream, Source]) -> None:
    """There is no successor: at once, since what the old connections bring counts again."""
    for stream, old in led.items():
        stream.cancel(old, time.time_ns())


def _end(streams: Mapping[Route, Stream]) -> None:
    """The successor leads. Where an old connection has ended too early, frames may lie between the two."""
    for stream in streams.values():
        if stream.old is not None and stream.old.over:
            stream.break_off(stream.old, stream.old.loss, time.time_ns())
        else:
            stream.finish()


async def _delivers(
    new: Connection, old: Collection[Source], streams: Mapping[Route, Stream], overlap_s: float
) -> bool:
    """Wait until the successor delivers; False when it must not take over.

    Time runs from when it has asked for everything and the exchange had a moment to answer, and so does what it has to
    deliver: a stream of a frame a minute may have brought one before, to the old connection alone.
    """
    started_s: float | None = None
    while not await new.ends_within(_TICK_S):
        if all(each.over for each in old):
            return True
        for stream in streams.values():
            if stream.old is not None and stream.old.over:
                stream.break_off(stream.old, stream.old.loss, time.time_ns())
        now_s = time.monotonic()
        pending = [stream.hand_over for stream in streams.values() if stream.hand_over]
        if started_s is not None:
            elapsed_s = now_s - started_s
            starving = any(each.starving for each in pending)
            if elapsed_s >= overlap_s * (_LONGEST_OVERLAP if starving else 1):
                return not starving
        elif new.asked_s is not None and now_s - new.asked_s >= min(ANSWERED_S, overlap_s / 2):
            started_s = now_s
            for each in pending:
                each.expect()
        if new.asked_s is not None and all(each.aligned for each in pending):
            return True
    return False
