"""What a shared producer collects: the subscriptions of its partitions, each followed through its states.

Everything happens in the event loop; what the group's reader and the reader of ``control.requests`` say from their threads is
acted on there, in order. What follows from what is in :mod:`producers.subscription`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from producers.control import Request
from producers.subscription import Action, Event, State, follow
from schemas.subscriptions import Desired, instrument_key

__all__ = ["Collecting", "Subscriptions", "Telling"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.1


class Collecting(Protocol):
    """A market, as far as subscriptions ask of it (:class:`producers.market.Market`)."""

    def want(self, symbol: str, channels: Sequence[str] = ()) -> None: ...

    def drop(self, symbol: str) -> None: ...

    def delivers(self, symbol: str) -> bool: ...

    def refusal(self, symbol: str, channels: Sequence[str] = ()) -> str: ...

    def wire_symbol(self, symbol: str) -> str: ...


class Telling(Protocol):
    """Who tells the other producers (:class:`producers.telling.Teller`)."""

    def collected(self, desired: Desired, wire_symbol: str) -> None: ...


@dataclass
class _Subscription:
    """``partition`` is None while it belongs to another producer; ``channels`` are those collected; ``left_s``: since when it is left."""

    desired: Desired
    partition: int | None
    state: State = State.IDLE
    channels: tuple[str, ...] = ()
    left_s: float = 0.0
    why: str = ""


class Subscriptions:
    """``markets`` by exchange and market: those this producer can collect. A :class:`~producers.subscription_reader.Listener`.

    ``counts``: ``told`` others, ``handed_over`` because another told, ``expired`` because nobody did.
    """

    def __init__(
        self,
        markets: Mapping[tuple[str, str], Collecting],
        teller: Telling,
        *,
        producer_id: str,
        hand_over_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._markets = markets
        self._teller = teller
        self._producer_id = producer_id
        self._hand_over_s = hand_over_s
        self._clock = clock
        self._known: dict[str, _Subscription] = {}
        self._heard: deque[Callable[[], None]] = deque()
        """What other threads have said since the last look, in order."""

    # From other threads.

    def given(self, partition: int, states: Mapping[str, Desired]) -> None:
        """See :class:`~producers.subscription_reader.Listener`."""
        self._heard.append(partial(self._given, partition, dict(states)))

    def changed(self, partition: int, key: str, desired: Desired | None) -> None:
        """Same."""
        self._heard.append(partial(self._changed, partition, key, desired))

    def taken(self, partitions: Iterable[int]) -> None:
        """Same."""
        self._heard.append(partial(self._taken, frozenset(partitions)))

    def hear(self, request: Request) -> None:
        """Another producer (or this one) collects an instrument."""
        if request.kind == "collected" and request.producer != self._producer_id:
            self._heard.append(
                partial(self._told, instrument_key(request.exchange, request.market, request.symbol))
            )

    # In the event loop.

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.look()

    def look(self) -> None:
        """Act on what was said, then see which deliver, which cannot be collected, and which have waited for long enough."""
        while self._heard:
            self._heard.popleft()()
        for key, one in list(self._known.items()):
            market = self._market(one)
            symbol = one.desired.symbol
            if one.state is State.LEAVING:
                if self._clock() - one.left_s >= self._hand_over_s:
                    self.counts["expired"] += 1
                    _log.warning("nobody says that it is collected elsewhere", instrument=key)
                    self._happens(one, Event.EXPIRED)
            elif one.state in {State.STARTING, State.COLLECTING}:
                if self._why_not(one):
                    self._happens(one, Event.REFUSED)
                elif one.state is State.STARTING and market is not None and market.delivers(symbol):
                    self._happens(one, Event.DELIVERS)
            elif one.state is State.REFUSED and not self._why_not(one):
                self._happens(one, Event.WANTED)
            if one.state is State.IDLE and one.partition is None:
                del self._known[key]

    @property
    def leaving(self) -> int:
        """How many are collected until another producer does."""
        return sum(one.state is State.LEAVING for one in self._known.values())

    def health(self) -> dict[str, str]:
        """A sentence for each that cannot be collected."""
        return {
            f"subscription {key}": one.why
            for key, one in list(self._known.items())
            if one.state is State.REFUSED
        }

    def states(self) -> dict[str, int]:
        """How many are in each state."""
        found = Counter(one.state.value for one in list(self._known.values()))
        return {state.value: found[state.value] for state in State}

    def collected(self) -> list[str]:
        """The keys of those that are collected here."""
        return sorted(
            key
            for key, one in list(self._known.items())
            if one.state in {State.STARTING, State.COLLECTING, State.LEAVING}
        )

    def _given(self, partition: int, states: Mapping[str, Desired]) -> None:
        for key, one in list(self._known.items()):
            if one.partition == partition and key not in states:
                self._happens(one, Event.UNWANTED)
        for key, desired in states.items():
            self._changed(partition, key, desired)

    def _changed(self, partition: int, key: str, desired: Desired | None) -> None:
        one = self._known.get(key)
        if desired is None:
            if one is not None:
                one.partition = partition
                self._happens(one, Event.UNWANTED)
            return
        if one is None:
            one = self._known[key] = _Subscription(desired, partition)
        one.desired, one.partition = desired, partition
        if not desired.on:
            self._happens(one, Event.UNWANTED)
        elif one.state is not State.IDLE and one.channels != desired.channels:
            self._happens(one, Event.CHANGED)
        else:
            self._happens(one, Event.WANTED)

    def _taken(self, partitions: frozenset[int]) -> None:
        for one in self._known.values():
            if one.partition in partitions:
                one.partition = None
                self._happens(one, Event.REVOKED)

    def _told(self, key: str) -> None:
        one = self._known.get(key)
        if one is not None:
            if one.state is State.LEAVING:
                self.counts["handed_over"] += 1
            self._happens(one, Event.TOLD)

    def _happens(self, one: _Subscription, event: Event) -> None:
        before = one.state
        action, one.state = follow(before, event)
        market = self._market(one)
        if one.state is not before:
            _log.info("subscription", instrument=one.desired.key, because=event.value, state=one.state.value)
        match action:
            case Action.START | Action.CHANGE:
                one.channels = one.desired.channels
                if market is not None:
                    market.want(one.desired.symbol, one.channels)
            case Action.STOP if market is not None:
                market.drop(one.desired.symbol)
            case Action.TELL if market is not None:
                self.counts["told"] += 1
                self._teller.collected(one.desired, market.wire_symbol(one.desired.symbol))
            case Action.WAIT:
                one.left_s = self._clock()
            case Action.SHOW:
                one.why = self._why_not(one)
                _log.error("subscription is not collected", instrument=one.desired.key, reason=one.why)
                if market is not None:
                    market.drop(one.desired.symbol)
            case _:
                pass

    def _market(self, one: _Subscription) -> Collecting | None:
        return self._markets.get((one.desired.exchange, one.desired.market))

    def _why_not(self, one: _Subscription) -> str:
        market = self._market(one)
        if market is None:
            return (
                f"{one.desired.exchange}.{one.desired.market} is not among the markets of this producer's settings:"
                f" {one.desired.symbol} is not collected."
            )
        return market.refusal(one.desired.symbol, one.desired.channels)
