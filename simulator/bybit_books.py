"""Bybit's book streams: a snapshot, then deltas of which each has the next ``u``; one count for each depth.

A stream of N levels shows exactly the best N: what leaves them is told with size ``0``, what comes in with its size. Every
depth is published with each batch of the synthetic market (100 ms; the exchange has its pace by depth, 20 to 200 ms).
"""

from __future__ import annotations

from simulator.bybit_wire import Wire
from simulator.feed import Level, Truth
from simulator.hub import Channel

__all__ = ["Batches", "BookStream", "Sides"]

Sides = tuple[dict[int, int], dict[int, int]]
"""Bids and asks: lots by ticks."""


class Batches:
    """The count of a stream's frames, as an iterator for the order flow: all changes of a batch have the batch's number."""

    def __init__(self, start: int) -> None:
        self._last = start
        self._opened = False

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> int:
        """The opening's number the first time, then the number of the batch at hand."""
        opened, self._opened = self._opened, True
        return self._last + opened

    @property
    def last(self) -> int:
        """Of what was published last."""
        return self._last

    def turn(self, by: int = 1) -> int:
        """Publish: the number of the batch at hand, or one further on."""
        self._last += by
        return self._last

    def restart(self) -> int:
        """The exchange starts anew: 1."""
        self._last = 1
        return 1


class BookStream:
    """``orderbook.<depth>`` of one instrument. ``batches`` is its ``u``."""

    def __init__(self, wire: Wire, channel: Channel, depth: int, batches: Batches) -> None:
        self.channel = channel
        self.depth = depth
        self.batches = batches
        self._wire = wire

    def image(self, truth: Truth, time_ms: int, seq: int, *, kind: str = "snapshot") -> bytes:
        """The best levels of the book, as of the last number."""
        return self._frame(kind, truth.bids[: self.depth], truth.asks[: self.depth], time_ms, seq)

    def publish(self, before: Sides, changed: Sides, time_ms: int, seq: int) -> None:
        """A batch's changes. Nothing is sent, and nothing counted, when they are all outside of the window."""
        if not self.channel.subscribers:
            self.batches.turn()
            self.channel.published += 1
            self.channel.unsent += 1
            return
        bids, asks = (
            _told(book, change, self.depth, side) for book, change, side in zip(before, changed, (-1, 1))
        )
        if bids or asks:
            self.batches.turn()
            self.channel.publish(
                self._frame("delta", sorted(bids.items(), reverse=True), sorted(asks.items()), time_ms, seq)
            )

    def _frame(self, kind: str, bids: list[Level], asks: list[Level], time_ms: int, seq: int) -> bytes:
        """The push is a little later than the matching. ``ts`` stands before ``type`` on spot and on level 1."""
        wire = self._wire
        first, second = f'"type":"{kind}"', f'"ts":{time_ms + 2}'
        if wire.market == "spot" or self.depth == 1:
            first, second = second, first
        return (
            f'{{"topic":"{self.channel.name}",{first},{second},"data":{{"s":"{wire.name}","b":[{wire.levels(bids)}],'
            f'"a":[{wire.levels(asks)}],"u":{self.batches.last},"seq":{seq}}},"cts":{time_ms}}}'
        ).encode()


def _best(book: dict[int, int], depth: int, side: int) -> dict[int, int]:
    """The best levels; ``side`` -1 for bids, 1 for asks."""
    if len(book) <= depth:
        return book
    return {price: book[price] for price in sorted(book, key=side.__mul__)[:depth]}


def _told(book: dict[int, int], changed: dict[int, int], depth: int, side: int) -> dict[int, int]:
    """What a window of the book has to be told of the changes."""
    if len(book) + len(changed) <= depth:
        return changed
    after = {price: lots for price, lots in {**book, **changed}.items() if lots}
    shown, show = _best(book, depth, side), _best(after, depth, side)
    told = {price: lots for price, lots in show.items() if shown.get(price) != lots}
    return told | {price: 0 for price in shown if price not in show}
