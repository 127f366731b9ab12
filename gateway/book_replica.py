"""One book as the gateway has it, from what the worker says of each of its changes, or else from its snapshots.

``book_updates`` gives the whole book: an image, then the deltas that follow it, until the worker says that it is lost. A book
that was asked for over REST stands beside it: such an image is shown until the socket's own book goes on, which its deltas
continue. ``book_snapshots`` gives the best levels once an interval; then the ledger tells when the book is lost, and the state
of such a book is ``resyncing`` until a snapshot comes that lies behind the event that closed the gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bookmill.book import Book, Side
from gateway.instrument import BookState, is_after
from schemas.fields import Event

__all__ = ["BookReplica", "BookSource", "Change"]

BookSource = Literal["book_updates", "book_snapshots"]

_SILENT_US = 60_000_000
"""Snapshots that are so much newer than the last update: updates are no longer written."""


@dataclass(frozen=True, slots=True)
class Change:
    """Which levels of a book have changed: their prices, with the quantities that stood there before (0: none did)."""

    bids: Mapping[int, int]
    asks: Mapping[int, int]


_NOTHING = Change({}, {})


class BookReplica:
    """``seq`` counts its changes since the gateway runs; 0: nothing is known of it yet."""

    __slots__ = (
        "_aside",
        "_closed",
        "_lost",
        "_snapshot",
        "_whole",
        "book",
        "exchange",
        "key",
        "market",
        "received_us",
        "seq",
        "source",
        "state",
        "symbol",
        "update_id",
    )

    def __init__(self, exchange: str, market: str, symbol: str) -> None:
        self.exchange = exchange
        self.market = market
        self.symbol = symbol
        self.key = f"{exchange}.{market}.{symbol}"
        self.book = Book()
        self.state: BookState = "resyncing"
        self.update_id: int | None = None
        self.received_us = 0
        """When the frame was received that changed it last."""
        self.seq = 0
        self.source: BookSource | None = None
        self._whole = False
        """Deltas have an image to follow on."""
        self._aside: Book | None = None
        """The socket's own book, while one that was asked for is shown."""
        self._snapshot: Event | None = None
        self._lost: Event | None = None
        self._closed: Event | None = None

    def update(self, event: Event) -> Change | None:
        """The next event of ``book_updates``; None where it changes nothing that is shown."""
        polled, state = event["source"] == "poll", event["state"]
        if event["kind"] == "image":
            change = self._image(event, keep=polled)
        elif state == "resyncing":
            self._whole, self._aside = False, None
            if self.source != "book_updates":
                return None
            change = _NOTHING
        elif not self._whole:
            return None
        elif self._aside is not None:
            change = self._return(self._aside, event)
        else:
            change = _apply(self.book, event)
        self._stand(event, "book_updates", state)
        return change

    def snapshot(self, event: Event) -> Change | None:
        """The next event of ``book_snapshots``; None where the book is better known."""
        if self.source == "book_updates" and event["receive_time"] - self.received_us < _SILENT_US:
            return None
        self._whole, self._aside, self._snapshot = False, None, event
        book = Book()
        book.replace(*_levels(event))
        change = self._become(book)
        self._stand(event, "book_snapshots", self._state_by_snapshot())
        return change

    def gap(self, event: Event) -> Change | None:
        """The next event of ``gaps``; None where it does not change the book's state."""
        if event["stream"] != "book" or event["cause"] == "time":
            return None
        if event["phase"] == "opened":
            self._lost = event
        elif self._lost is None or self._lost["gap"] == event["gap"]:
            self._lost, self._closed = None, event
        if self.source != "book_snapshots":
            return None
        state = self._state_by_snapshot()
        if state == self.state:
            return None
        self.state = state
        self.seq += 1
        return _NOTHING

    def _stand(self, event: Event, source: BookSource, state: BookState) -> None:
        self.source, self.state = source, state
        self.update_id, self.received_us = event["update_id"], event["receive_time"]
        self.seq += 1

    def _state_by_snapshot(self) -> BookState:
        snapshot, closed = self._snapshot, self._closed
        if (
            snapshot is None
            or self._lost is not None
            or (closed is not None and _is_before(snapshot, closed))
        ):
            return "resyncing"
        state: BookState = snapshot["state"]
        return state

    def _image(self, event: Event, *, keep: bool) -> Change:
        """Become an image; ``keep``: the socket's own book goes on later, where there is one."""
        if not keep:
            self._whole, self._aside = True, None
        elif self._whole and self._aside is None:
            self._aside = self.book
        book = Book()
        book.replace(*_levels(event))
        return self._become(book)

    def _return(self, own: Book, event: Event) -> Change:
        """The socket's own book goes on: it takes the place of the one that was asked for."""
        self._aside = None
        _apply(own, event)
        return self._become(own)

    def _become(self, book: Book) -> Change:
        before, self.book = self.book, book
        return Change(_differences(before.bids, book.bids), _differences(before.asks, book.asks))


def _levels(event: Event) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    bids = list(zip(event["bid_prices"], event["bid_quantities"], strict=True))
    return bids, list(zip(event["ask_prices"], event["ask_quantities"], strict=True))


def _apply(book: Book, event: Event) -> Change:
    """Apply a delta as the worker did."""
    bids, asks = _levels(event)
    depth: int | None = event["depth"]
    return Change(_applied(book.bids, bids, depth), _applied(book.asks, asks, depth))


def _applied(side: Side, levels: Sequence[tuple[int, int]], depth: int | None) -> dict[int, int]:
    before = _quantities(side, (price for price, _ in levels))
    side.apply(levels)
    if depth is not None and len(side) > depth:
        beyond = side.levels()[0][depth:]
        before = _quantities(side, beyond) | before
        side.truncate(depth)
    return {price: quantity for price, quantity in before.items() if side.quantity(price) != quantity}


def _quantities(side: Side, prices: Iterable[int]) -> dict[int, int]:
    return {price: side.quantity(price) for price in prices}


def _differences(before: Side, now: Side) -> dict[int, int]:
    """Of all levels that either has, those that are not the same: what they were before."""
    was, there = dict(zip(*before.levels(), strict=True)), dict(zip(*now.levels(), strict=True))
    changed = {price: quantity for price, quantity in was.items() if there.get(price) != quantity}
    return changed | {price: 0 for price in there if price not in was}


def _is_before(snapshot: Event, closed: Event) -> bool:
    """Whether a snapshot was made before the record that closed a gap; that one's own snapshot comes before its gap event."""
    at = (closed["source_topic"], closed["source_partition"])
    if at == (snapshot["source_topic"], snapshot["source_partition"]):
        earlier: bool = snapshot["source_offset"] < closed["source_offset"]
        return earlier
    return is_after(closed, snapshot)
