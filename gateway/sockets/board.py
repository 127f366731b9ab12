"""Which streams there are, who follows them, and which of them an event concerns.

Clients that ask in the same words have the same ``sid``. One subscription may be of many instruments: all that match it and
have data on its channel, and those that begin later.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from gateway.book_replica import BookReplica, Change
from gateway.errors import ApiError
from gateway.live import LiveState
from gateway.nearest import nearest
from gateway.sockets.protocol import CHANNELS, PLACELESS, Channel, Subscribe, Unsubscribe, matches, step_down
from gateway.sockets.session import Session, Subscription
from gateway.sockets.sources import CHANNELS_OF, Sources
from gateway.sockets.streams import Stream, Timers
from schemas.fields import Event

__all__ = ["Board"]

_MOST_FORMS = 64
"""Different depths and rates of one instrument and channel that are made at once."""
_STREAMS_EACH = 10
"""Streams that one client may follow, for each subscription that it may have."""

_Words = tuple[Channel, str | None, int | None, float | None, int]
"""Channel, instrument, depth, rate, and a number where one client asks the same again."""


class Board:
    """An observer of the live state (:meth:`take`) and of the books (:meth:`take_book`). ``timers`` are those of the event loop."""

    def __init__(
        self,
        live: LiveState,
        sources: Sources,
        epoch: str,
        timers: Callable[[], Timers],
        *,
        most_subscriptions: int,
    ) -> None:
        self._live = live
        self._sources = sources
        self._epoch = epoch
        self._timers = timers
        self._most_subscriptions = most_subscriptions
        self._streams: dict[tuple[Channel, str], dict[tuple[int | None, float | None], Stream]] = {}
        self._known: dict[Channel, dict[str, None]] = {channel: {} for channel in CHANNELS}
        """What has data, by channel."""
        self._starred: dict[Channel, dict[Subscription, Session]] = {channel: {} for channel in CHANNELS}
        self._sids: dict[_Words, int] = {}
        self._words: dict[int, tuple[_Words, int]] = {}
        """By sid: what it is of, and how many clients have it."""
        self._numbers = count(1)

    @property
    def stream_count(self) -> int:
        """Streams that are followed."""
        return sum(map(len, self._streams.values()))

    @property
    def subscription_count(self) -> int:
        """Subscriptions of all clients."""
        return sum(users for _, users in self._words.values())

    def take(self, topic: str, key: str, event: Event) -> None:
        """An event, after the live state has it."""
        channels = CHANNELS_OF.get(topic)
        if channels is None:
            return
        self._sources.note(topic, key, event)
        if topic == "alerts":
            key = ""
        for channel in channels:
            self._tell(channel, key, event)

    def take_book(self, replica: BookReplica, change: Change) -> None:
        """A book has changed."""
        self._tell("book", replica.key, change)

    @property
    def wants_status(self) -> bool:
        """Whether anybody follows it."""
        return ("status", "") in self._streams

    def tell_status(self) -> None:
        """It is known anew."""
        self._tell("status", "", None)

    def subscribe(self, session: Session, request: Subscribe) -> Subscription:
        """Let a client follow what it asks for. Raises :class:`ApiError` where it may not, or there is nothing of that name."""
        if len(session.subscriptions) >= self._most_subscriptions:
            raise ApiError(
                400,
                "bad_request",
                f"{self._most_subscriptions} subscriptions are the most of one client.",
                hint="One with stars counts once.",
            )
        channel = request.channel
        pattern = None if channel in PLACELESS else request.instrument
        starred = pattern is not None and "*" in pattern
        keys = self._keys(channel, pattern)
        rate = step_down(request.rate)
        if session.stream_count + len(keys) > self._most_streams:
            raise ApiError(
                400,
                "bad_request",
                f"{len(keys)} more are too many: {self._most_streams} instruments are the most that one client follows.",
                hint="Name fewer.",
                field="instrument",
            )
        for key in keys:
            self._require_form(channel, key, request.depth, rate)
        subscription = Subscription(
            self._sid(session, (channel, pattern, request.depth, rate)), channel, pattern, request.depth, rate
        )
        session.subscriptions[subscription.sid] = subscription
        for key in keys:
            self._attach(session, subscription, key)
        if starred:
            self._starred[channel][subscription] = session
        return subscription

    def unsubscribe(self, session: Session, request: Unsubscribe) -> list[Subscription]:
        """End what a client follows. Raises :class:`ApiError` where it does not follow that."""
        channel = request.channel
        pattern = None if channel in PLACELESS else request.instrument
        ended = [
            each
            for each in session.subscriptions.values()
            if (each.channel, each.pattern) == (channel, pattern) and request.sid in (None, each.sid)
        ]
        if not ended:
            what = channel if pattern is None else f"{channel} of {pattern[:100]}"
            raise ApiError(400, "bad_request", f"There is no subscription of {what}.", field="instrument")
        for each in ended:
            self._end(session, each)
        return ended

    def leave(self, session: Session) -> None:
        """A client has gone."""
        for each in list(session.subscriptions.values()):
            self._end(session, each)

    def symbols(self, name: str) -> list[str]:
        """The symbols that a name may stand for: as it is, or without its dash."""
        wanted = name.upper()
        symbols = {each.symbol for each in self._live.instruments.values()}
        found = sorted(each for each in symbols if wanted in (each, each.replace("-", "")))
        if not found:
            raise ApiError(
                404,
                "unknown_instrument",
                f"Nothing is collected of a symbol {name[:40]!r}.",
                hint=nearest(wanted, symbols),
                field="instrument",
            )
        return found

    @property
    def _most_streams(self) -> int:
        return _STREAMS_EACH * self._most_subscriptions

    def _tell(self, channel: Channel, key: str, news: Any) -> None:
        if key not in self._known[channel]:
            self._appear(channel, key)
        streams = self._streams.get((channel, key))
        if streams:
            for stream in list(streams.values()):
                stream.take(news)

    def _appear(self, channel: Channel, key: str) -> None:
        self._known[channel][key] = None
        for subscription, session in list(self._starred[channel].items()):
            if (
                matches(subscription.pattern or "", key)
                and session.stream_count < self._most_streams
                and self._has_room_for(channel, key, subscription.depth, subscription.rate)
            ):
                self._attach(session, subscription, key)

    def _keys(self, channel: Channel, pattern: str | None) -> list[str]:
        if pattern is None:
            return [""]
        if "*" in pattern:
            return [key for key in self._known[channel] if matches(pattern, key)]
        if channel == "consolidated":
            self.symbols(pattern)
        else:
            self._live.require(*_split(pattern))
        return [pattern]

    def _require_form(self, channel: Channel, key: str, depth: int | None, rate: float | None) -> None:
        if not self._has_room_for(channel, key, depth, rate):
            raise ApiError(
                503,
                "unavailable",
                f"{channel} of {key} is sent in {_MOST_FORMS} different depths and rates already.",
                hint="Take one that others have: no depth, 10, 20 or 50, and a rate of 1, 5 or 10.",
                field="depth",
            )

    def _has_room_for(self, channel: Channel, key: str, depth: int | None, rate: float | None) -> bool:
        streams = self._streams.get((channel, key), {})
        return len(streams) < _MOST_FORMS or (depth, rate) in streams

    def _attach(self, session: Session, subscription: Subscription, key: str) -> None:
        channel, form_key = subscription.channel, (subscription.depth, subscription.rate)
        streams = self._streams.setdefault((channel, key), {})
        stream = streams.get(form_key)
        if stream is None:
            depth, rate = form_key
            stream = streams[form_key] = Stream(
                channel,
                key,
                self._epoch,
                self._sources.content(channel, key, depth),
                self._timers(),
                None if rate is None else 1 / rate,
            )
        form = stream.form(subscription.sid)
        form.users += 1
        subscription.streams[key] = stream
        session.owe(stream, form)

    def _end(self, session: Session, subscription: Subscription) -> None:
        channel, sid = subscription.channel, subscription.sid
        for key, stream in subscription.streams.items():
            form = stream.form(sid)
            session.disown(stream, form)
            form.users -= 1
            if not form.users:
                del stream.forms[sid]
            if not stream.forms:
                streams = self._streams[channel, key]
                del streams[subscription.depth, subscription.rate]
                if not streams:
                    del self._streams[channel, key]
        self._starred[channel].pop(subscription, None)
        del session.subscriptions[sid]
        self._release(sid)

    def _sid(self, session: Session, words: tuple[Channel, str | None, int | None, float | None]) -> int:
        """That of these words; another one where the client has it already."""
        again = 0
        while self._sids.get((*words, again)) in session.subscriptions:
            again += 1
        own = (*words, again)
        sid = self._sids.get(own)
        if sid is None:
            sid = self._sids[own] = next(self._numbers)
        _, users = self._words.get(sid, (own, 0))
        self._words[sid] = own, users + 1
        return sid

    def _release(self, sid: int) -> None:
        words, users = self._words[sid]
        if users > 1:
            self._words[sid] = words, users - 1
        else:
            del self._words[sid], self._sids[words]


def _split(instrument: str) -> tuple[str, str, str]:
    exchange, _, rest = instrument.partition(".")
    market, _, symbol = rest.partition(".")
    if not symbol:
        raise ApiError(
            400,
            "bad_request",
            f"{instrument[:100]!r} is no instrument.",
            hint="It is exchange, market and symbol: binance.spot.BTC-USDT.",
            field="instrument",
        )
    return exchange, market, symbol
