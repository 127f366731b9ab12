"""Ways through an exchange's past trades: by number forwards or backwards, by time, or no further than one page.

A venue says which requests there are (``ask``) and what is in an answer (``read``); how to go on, when all that was wanted
has come and what to say when it cannot is the same everywhere. No socket, no clock: see :class:`venues.interface.Backfill`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bookmill.errors import FrameError
from venues.interface import RestRequest, TradeSpan
from venues.messages import Trade

__all__ = [
    "Backwards",
    "BackwardsByTime",
    "ByTime",
    "Forwards",
    "NoHistory",
    "OnePage",
    "Past",
    "numbered",
]


class Past(NamedTuple):
    """As much of a past trade as leads the way: its number, by which the venue counts an instrument's trades, and its time."""

    number: int
    micros: int


_SECOND = 1_000_000
_DENSE = "There are more trades at one moment than an answer holds."

Read = Callable[[bytes], Sequence[Past]]
"""What an answer holds, in any order; raises :class:`FrameError`."""


def numbered(trades: Sequence[Trade]) -> list[Past]:
    """Trades whose ids are their numbers; raises :class:`FrameError`."""
    try:
        return [Past(int(trade.trade_id), trade.exchange_time_micros or 0) for trade in trades]
    except ValueError as error:
        raise FrameError(f"A trade's id is no number: {error}.") from error


class NoHistory:
    """There is nothing to ask for, and ``reason`` says why."""

    complete = False

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def request(self) -> RestRequest | None:
        """None."""
        return None

    def take(self, body: bytes) -> int:
        """Nothing was asked."""
        raise FrameError(f"{len(body)} bytes of past trades that were not asked for.")


class _Way(ABC):
    """What all ways share. ``counted``: every number of the span is a trade, so that one which does not come is missed."""

    def __init__(self, span: TradeSpan, read: Read, *, counted: bool) -> None:
        self.complete = False
        self.reason = ""
        self._read = read
        self._counted = counted
        self._first, self._last = _number(span.first_id), _number(span.last_id)
        self._since, self._until = span.since_micros, span.until_micros
        self._came: set[int] = set()
        """Numbers of the span that have come."""
        self._over = False
        if self._first is not None and self._last is not None and self._first > self._last:
            self._end("It ends before it begins.")

    def request(self) -> RestRequest | None:
        """See :class:`venues.interface.Backfill`."""
        return None if self._over else self._ask()

    def take(self, body: bytes) -> int:
        """See :class:`venues.interface.Backfill`."""
        try:
            page = sorted(self._read(body))
        except FrameError as error:
            self._end(error.message)
            raise
        self._came.update(past.number for past in page if self._wanted(past))
        problem = self._go_on(page)
        if problem is not None:
            self._end(problem)
        return len(page)

    @abstractmethod
    def _ask(self) -> RestRequest:
        """The request that is due."""

    @abstractmethod
    def _go_on(self, page: list[Past]) -> str | None:
        """Move behind this page, lowest numbers first; when that was the last, what was wrong with the way, or nothing."""

    def _wanted(self, past: Past) -> bool:
        if self._first is not None and self._last is not None:
            return self._first <= past.number <= self._last
        return self._since is None or past.micros >= self._since

    def _end(self, problem: str) -> None:
        self._over = True
        if self._counted and self._first is not None and self._last is not None:
            wanted = self._last - self._first + 1
            self.complete = len(self._came) == wanted
            if not self.complete:
                self.reason = problem or f"The exchange tells {len(self._came)} of {wanted} trades."
            return
        self.complete, self.reason = not problem, problem

    def _size(self, most: int, start: int) -> int:
        """How many to ask for from this number on: no more than are wanted."""
        return most if self._last is None else max(1, min(most, self._last - start + 1))


class Forwards(_Way):
    """From the first missing number upwards: ``ask(number, count)`` brings ``count`` trades from this number on, ``most`` at a time."""

    def __init__(
        self,
        span: TradeSpan,
        read: Read,
        ask: Callable[[int, int], RestRequest],
        *,
        most: int,
        counted: bool = True,
    ) -> None:
        super().__init__(span, read, counted=counted)
        if self._first is None:
            self._end("The first missing trade's number is not known.")
        self._next = self._first or 0
        self._request, self._most = ask, most

    def _ask(self) -> RestRequest:
        return self._request(self._next, self._size(self._most, self._next))

    def _go_on(self, page: list[Past]) -> str | None:
        page = [past for past in page if past.number >= self._next]
        asked = self._size(self._most, self._next)
        if not page:
            return ""
        self._next = page[-1].number + 1
        if self._last is not None:
            return "" if self._next > self._last else None
        over = self._until is not None and page[-1].micros >= self._until
        return "" if over or len(page) < asked else None


class Backwards(_Way):
    """From the last missing number downwards: ``ask(number, count)`` brings ``count`` trades below this number, the newest of all where
    it is None; ``most`` at a time. Without numbers it goes down to the time of the last trade before the gap."""

    def __init__(
        self,
        span: TradeSpan,
        read: Read,
        ask: Callable[[int | None, int], RestRequest],
        *,
        most: int,
    ) -> None:
        super().__init__(span, read, counted=True)
        self._below = None if self._last is None else self._last + 1
        if self._first is None and self._since is None:
            self._end("Neither the first missing trade's number nor a time before it is known.")
        self._request, self._most = ask, most

    def _ask(self) -> RestRequest:
        return self._request(self._below, self._count())

    def _count(self) -> int:
        if self._first is None or self._below is None:
            return self._most
        return max(1, min(self._most, self._below - self._first))

    def _go_on(self, page: list[Past]) -> str | None:
        asked = self._count()
        if self._below is not None:
            page = [past for past in page if past.number < self._below]
        if not page:
            return "" if self._first is None else "The exchange's history does not reach back to it."
        self._below = page[0].number
        if self._first is not None:
            return "" if self._below <= self._first else None
        reached = self._since is not None and page[0].micros < self._since
        return "" if reached or len(page) < asked else None


class ByTime(_Way):
    """From the time of the last trade before the gap upwards. ``ask(cursor, count)`` brings trades behind the cursor, oldest first;
    ``cursor_of`` takes the next one from an answer."""

    def __init__(
        self,
        span: TradeSpan,
        read: Read,
        ask: Callable[[int, int], RestRequest],
        *,
        start: Callable[[int], int],
        cursor_of: Callable[[bytes], int],
        most: int,
    ) -> None:
        super().__init__(span, read, counted=True)
        if self._since is None:
            self._end("The time of the last trade before the gap is not known.")
        self._cursor = start(self._since or 0)
        self._request, self._cursor_of, self._most = ask, cursor_of, most
        self._next_cursor = self._cursor

    def take(self, body: bytes) -> int:
        """With the cursor beside the trades."""
        try:
            self._next_cursor = self._cursor_of(body)
        except FrameError as error:
            self._end(error.message)
            raise
        return super().take(body)

    def _ask(self) -> RestRequest:
        return self._request(self._cursor, self._most)

    def _go_on(self, page: list[Past]) -> str | None:
        if not page:
            return ""
        if self._next_cursor <= self._cursor:
            return "" if len(page) < self._most else _DENSE
        self._cursor = self._next_cursor
        if self._last is not None:
            over = page[-1].number >= self._last
        else:
            over = self._until is not None and page[-1].micros > self._until
        return "" if over or len(page) < self._most else None


class BackwardsByTime(_Way):
    """From the time of the first trade behind the gap downwards, second by second: ``ask(start_s, end_s)`` brings the newest trades
    between them, how many the exchange likes."""

    def __init__(self, span: TradeSpan, read: Read, ask: Callable[[int, int], RestRequest]) -> None:
        super().__init__(span, read, counted=True)
        if self._since is None or self._until is None:
            self._end("The times of the trades around the gap are not known.")
        self._start_s = (self._since or 0) // _SECOND
        self._end_s = (self._until or 0) // _SECOND + 1
        self._request = ask
        self._most = 0

    def _ask(self) -> RestRequest:
        return self._request(self._start_s, self._end_s)

    def _go_on(self, page: list[Past]) -> str | None:
        short, self._most = len(page) < self._most, max(self._most, len(page))
        oldest_micros = min((past.micros for past in page), default=0)
        if self._first is not None:
            reached = not page or page[0].number <= self._first
        else:
            reached = short or (self._since is not None and oldest_micros < self._since)
        if reached:
            return ""
        before, self._end_s = self._end_s, oldest_micros // _SECOND + 1
        return _DENSE if self._end_s >= before else None


class OnePage(_Way):
    """The latest trades, and no way to older ones: complete where they reach back before the gap."""

    def __init__(
        self, span: TradeSpan, read: Read, request: RestRequest, *, most: int, counted: bool = False
    ) -> None:
        super().__init__(span, read, counted=counted)
        self._request, self._most = request, most

    def _ask(self) -> RestRequest:
        return self._request

    def _go_on(self, page: list[Past]) -> str | None:
        if len(page) < self._most:
            return ""  # all there are
        oldest = min(past.micros for past in page)
        if self._first is not None:
            reached = page[0].number <= self._first
        else:
            reached = self._since is not None and oldest < self._since
        return (
            "" if reached else f"The exchange tells its last {self._most} trades only, and the gap is older."
        )


def _number(text: str | None) -> int | None:
    """A number of a request, which anybody may write; what is none is not known."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) <= 20 else None
