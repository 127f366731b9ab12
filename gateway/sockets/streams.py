"""One stream of messages: of a channel and an instrument, in one depth and at one rate, for all clients that want just that.

Each message is made once. What differs between clients is the ``sid``: clients that asked in the same words have the same one
(a :class:`Form` of the stream), so that their messages are the same bytes.

A client is a *member* from its snapshot on; before that it is *waiting*, where nothing can be said yet. With no member nothing is
made at all, and the next one begins with what is true then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from gateway.sockets.contents import Content
from gateway.sockets.frames import Frame

__all__ = ["Form", "Member", "Stream", "Timer", "Timers"]

_encode = msgspec.json.Encoder().encode


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""


class Timers(Protocol):
    """The part of an event loop that streams need."""

    def time(self) -> float:
        """Seconds."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call back after so many seconds."""


class Member(Protocol):
    """Who gets messages."""

    def offer(self, frame: Frame) -> bool:
        """Take one; False: there is no room for it."""

    def fall_behind(self) -> None:
        """Leave all streams until there is room again."""

    def owe(self, stream: Stream, form: Form) -> None:
        """Be a member of ``stream`` as soon as there is room for its snapshot."""


class Form:
    """What clients with one ``sid`` get of a stream."""

    __slots__ = ("members", "sid", "snapshot", "snapshot_head", "update_head", "users", "waiting")

    def __init__(self, sid: int, channel: str, instrument: str, epoch: str) -> None:
        def head(kind: str) -> bytes:
            said = {"sid": sid, "channel": channel, "instrument": instrument or None, "epoch": epoch}
            return _encode({"type": kind, **said})[:-1] + b","

        self.sid = sid
        self.snapshot_head = head("snapshot")
        self.update_head = head("update")
        self.snapshot: Frame | None = None
        """Kept until the next message."""
        self.members: dict[Member, None] = {}
        self.waiting: dict[Member, None] = {}
        self.users = 0
        """Who are one of these, or will be."""


class Stream:
    """``interval_s``: between two messages at least; None: every event is told. ``seq`` stands at what members have."""

    def __init__(
        self,
        channel: str,
        instrument: str,
        epoch: str,
        content: Content,
        timers: Timers,
        interval_s: float | None,
    ) -> None:
        self.channel = channel
        self.instrument = instrument
        self.forms: dict[int, Form] = {}
        self.seq = 0
        self._epoch = epoch
        self._content = content
        self._timers = timers
        self._interval_s = interval_s
        self._next_s = 0.0
        self._timer: Timer | None = None
        self._snapshot: bytes | None = None
        """What is the same in the snapshots of all forms, kept until the next message."""

    def form(self, sid: int) -> Form:
        """The form with that sid, made where there is none."""
        found = self.forms.get(sid)
        if found is None:
            found = self.forms[sid] = Form(sid, self.channel, self.instrument, self._epoch)
        return found

    def take(self, news: Any) -> None:
        """Something has happened that it may have to tell."""
        if not self._has_members():
            self._welcome()
        elif self._content.take(news):
            self._tell_in_time()

    def join(self, form: Form, member: Member) -> Frame | None:
        """Become a member; gives back the snapshot to begin with, None while there is nothing to say."""
        if not self._has_members() and not self._begin():
            form.waiting[member] = None
            return None
        form.waiting.pop(member, None)
        form.members[member] = None
        return self._snapshot_for(form)

    def leave(self, form: Form, member: Member) -> None:
        """Get no more of it."""
        form.members.pop(member, None)
        form.waiting.pop(member, None)
        if self._timer is not None and not self._has_members():
            self._timer.cancel()
            self._timer = None

    def _has_members(self) -> bool:
        return any(form.members for form in self.forms.values())

    def _begin(self) -> bool:
        """Stand at what is true now."""
        if not self._content.settle():
            return False
        self._forget_snapshots()
        if self._content.seq is not None:
            self.seq = self._content.seq
        return True

    def _welcome(self) -> None:
        """Those who wait become members where there is something to say now."""
        waiting = [(form, member) for form in self.forms.values() for member in form.waiting]
        if waiting and self._begin():
            for form, member in waiting:
                del form.waiting[member]
                member.owe(self, form)

    def _tell_in_time(self) -> None:
        if self._interval_s is None:
            self._tell()
        elif self._timer is None:
            wait_s = self._next_s - self._timers.time()
            if wait_s <= 0:
                self._tell()
            else:
                self._timer = self._timers.call_later(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._tell()

    def _tell(self) -> None:
        content, before = self._content, self.seq
        if content.overflows:
            content.settle()
            data = None
        else:
            data = content.update()
            if data is None:
                return
        if self._interval_s is not None:
            self._next_s = self._timers.time() + self._interval_s
        self._forget_snapshots()
        self.seq = before + 1 if content.seq is None else content.seq
        if data is None:
            self._send(self._snapshot_for)
            return
        body = b'"prev_seq":%d,"seq":%d,"data":%b}' % (before, self.seq, _encode(data))
        self._send(lambda form: Frame(form.update_head + body))

    def _send(self, make: Callable[[Form], Frame]) -> None:
        late = []
        for form in self.forms.values():
            if form.members:
                frame = make(form)
                late += [member for member in form.members if not member.offer(frame)]
        for member in late:
            member.fall_behind()

    def _snapshot_for(self, form: Form) -> Frame:
        if form.snapshot is not None:
            return form.snapshot
        if self._snapshot is None:
            self._snapshot = b'"seq":%d,"data":%b}' % (self.seq, _encode(self._content.snapshot()))
        frame = Frame(form.snapshot_head + self._snapshot)
        if self._content.lasting:
            form.snapshot = frame
        else:
            self._snapshot = None
        return frame

    def _forget_snapshots(self) -> None:
        self._snapshot = None
        for form in self.forms.values():
            form.snapshot = None
