"""All book topics of one instrument on Bybit: its depths, the best level, and what may happen to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from simulator.bybit_books import Batches, BookStream, Sides
from simulator.bybit_trades import Tape
from simulator.bybit_wire import Wire, send
from simulator.feed import Level, Truth
from simulator.hub import Hub

__all__ = ["Depths"]

_DEPTHS = (50, 200, 1000)
_REPEAT_MS = 3_000
_NOTHING = Truth(1, [], [], 0, 0)


class Depths:
    """``deepest`` is the stream of 1000 levels, whose count is ``batches``. ``real`` says what the book is, ``tape`` has the cross sequence.

    ``time_ms`` is the exchange's clock; 0 before the market opens, when the machine's stands for it.
    """

    real: Callable[[], Truth]

    def __init__(self, wire: Wire, hub: Hub, batches: Batches, tape: Tape) -> None:
        self.time_ms = 0
        self._tape = tape
        self._listed = True
        self._streams = {
            depth: BookStream(
                wire,
                hub.channel(f"orderbook.{depth}.{wire.name}"),
                depth,
                batches if depth == _DEPTHS[-1] else Batches(depth),
            )
            for depth in _DEPTHS
        }
        self.deepest = self._streams[_DEPTHS[-1]]
        self._best = BookStream(wire, hub.channel(f"orderbook.1.{wire.name}"), 1, Batches(500))
        self._best_ms = 0
        self._top: tuple[Level, Level] | None = None
        self._book: Sides | None = None

    @property
    def now_ms(self) -> int:
        """The time of a frame that is made now."""
        return self.time_ms or time.time_ns() // 1_000_000

    @property
    def top(self) -> tuple[Level, Level]:
        """The best bid and ask of this moment, in the middle of a batch as a rule."""
        if self._top is None:
            truth = self.real()
            self._top = truth.bids[0], truth.asks[0]
        return self._top

    def first_frame(self, depth: int) -> bytes:
        """What a new subscriber is sent."""
        stream = self._best if depth == 1 else self._streams[depth]
        return self._image(stream)

    # What the order flow tells.

    def set_top(self, bid: Level, ask: Level) -> None:
        """A new best price or quantity is a snapshot of level 1."""
        self._top = bid, ask
        if self._listed:
            self._tape.step()
            self._best.batches.turn()
            self._send_best()

    def publish(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        """A batch of changed levels, told by each depth."""
        if self._book is None:
            truth = self.real()
            self._book = dict(truth.bids), dict(truth.asks)
        seq = self._tape.step()
        for stream in self._streams.values():
            if self._listed:
                stream.publish(self._book, (bids, asks), self.time_ms, seq)
            else:
                stream.batches.turn()
        for side, changed in zip(self._book, (bids, asks)):
            side.update(changed)
            for price in [price for price, lots in changed.items() if not lots]:
                del side[price]

    def second(self) -> None:
        """A level 1 that was silent for 3 s comes again."""
        if self.time_ms - self._best_ms >= _REPEAT_MS:
            self.repeat()

    # What may happen.

    def repeat(self) -> None:
        """Level 1 again, with the same ``u``."""
        self._send_best()

    def images(self, jump: int = 1) -> None:
        """New images in mid-stream, their ``u`` so much further."""
        for stream in self._streams.values():
            stream.batches.turn(jump)
            send(stream.channel, partial(self._image, stream))

    def restart(self, kind: str = "snapshot") -> None:
        """Images with ``u`` 1, from which the counts go on; ``kind`` is what their ``type`` says."""
        for stream in self._streams.values():
            stream.batches.restart()
            send(stream.channel, partial(self._image, stream, kind=kind))
        self._best.batches.restart()
        self._send_best()

    def lose(self, count: int) -> None:
        """The next deltas are lost, and their ``u`` with them."""
        for stream in self._streams.values():
            if stream.channel.subscribers:
                stream.channel.disturbances.extend(["drop"] * count)

    def delist(self) -> None:
        """Empty images with ``u`` 1, then silence."""
        self._listed = False
        self.restart()

    def relist(self) -> None:
        """The books are there again, from ``u`` 1 on."""
        self._listed = True
        self.restart()

    def truth(self) -> Truth:
        """The book as the exchange shows it."""
        return self.real() if self._listed else _NOTHING

    def _image(self, stream: BookStream, kind: str = "snapshot") -> bytes:
        truth = self.truth()
        if stream is self._best and self._listed:
            bid, ask = self.top
            truth = Truth(0, [bid], [ask], 0, 0)
        return stream.image(truth, self.now_ms, self._tape.seq, kind=kind)

    def _send_best(self) -> None:
        self._best_ms = self.time_ms
        send(self._best.channel, partial(self._image, self._best))
