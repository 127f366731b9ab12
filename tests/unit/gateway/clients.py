"""Websocket clients without a socket: what is written for them, how much room there is, and what they make of it by the contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from gateway.books import Books
from gateway.live import LiveState
from gateway.sockets.board import Board
from gateway.sockets.frames import Frame
from gateway.sockets.protocol import Subscribe
from gateway.sockets.session import Session, Subscription, Traffic
from gateway.sockets.sources import Sources
from schemas.codec import UNIT

Sides = tuple[dict[str, str], dict[str, str]]


class Clock:
    """An event loop's clock and timers, by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._timers: list[_Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> _Timer:
        timer = _Timer(self.now_s + delay, callback)
        self._timers.append(timer)
        return timer

    def pass_by(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [each for each in self._timers if each.at_s <= end_s and not each.over]:
            first = min(due, key=lambda each: each.at_s)
            self.now_s = max(self.now_s, first.at_s)
            first.over = True
            first.callback()
        self._timers = [each for each in self._timers if not each.over]
        self.now_s = end_s


class _Timer:
    def __init__(self, at_s: float, callback: Callable[[], None]) -> None:
        self.at_s = at_s
        self.callback = callback
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Socket:
    """What a session writes to. ``capacity``: frames it takes before it is paused; None: any number."""

    def __init__(self) -> None:
        self.drained: Callable[[], None] | None = None
        self.frames: list[Frame] = []
        self.writes = 0
        self.capacity: int | None = None
        self.code: int | None = None

    @property
    def ended(self) -> bool:
        return self.code is not None

    @property
    def room(self) -> bool:
        return self.capacity is None or self.capacity > 0

    @property
    def paused(self) -> bool:
        return not self.room

    def write(self, frames: Iterable[Frame]) -> None:
        written = list(frames)
        self.frames += written
        self.writes += 1
        if self.capacity is not None:
            self.capacity = max(0, self.capacity - len(written))

    def end(self, code: int, reason: str) -> None:  # noqa: ARG002  the signature is the wire's
        self.code = code

    def messages(self) -> list[dict[str, Any]]:
        """What came since it was last asked."""
        found = [json.loads(frame.text) for frame in self.frames]
        self.frames.clear()
        return found

    def block(self, capacity: int) -> None:
        """There is room for so many frames from now on; room that comes back is told, as a transport does."""
        if capacity:
            self.unblock()
        self.capacity = capacity

    def unblock(self) -> None:
        """There is room again."""
        blocked, self.capacity = not self.room, None
        if blocked and self.drained is not None:
            self.drained()


class Stage:
    """A live state, its books and a board, with clients at it."""

    def __init__(self, *, most_subscriptions: int = 200) -> None:
        self.clock = Clock()
        self.live = LiveState(recent_trades=200)
        self.books = Books()
        self.traffic = Traffic()
        self.now_us = 1_700_000_000_000_000
        sources = Sources(self.live, self.books, lambda: self.now_us, 15_000_000, lambda: {"uptime_s": 1.0})
        self.board = Board(
            self.live,
            sources,
            self.books.epoch,
            lambda: self.clock,
            most_subscriptions=most_subscriptions,
        )
        self.live.observers += [self.books.take, self.board.take]
        self.books.observers.append(self.board.take_book)
        self._awake: dict[Session, None] = {}

    def client(self, *, limit: int = 1000, patience_s: float = 30.0) -> Client:
        socket = Socket()
        session = Session(
            socket, self._wake, self.traffic, self.clock.time, limit=limit, patience_s=patience_s
        )
        return Client(self, socket, session)

    def flush(self) -> None:
        """What a loop does between two callbacks, until nothing is left that can be written."""
        while self._awake:
            awake, self._awake = self._awake, {}
            for session in awake:
                session.flush()

    def _wake(self, session: Session) -> None:
        self._awake[session] = None


class Client:
    """Follows the contract's rule: a snapshot, then what follows on it. ``heard`` has the other messages."""

    def __init__(self, stage: Stage, socket: Socket, session: Session) -> None:
        self.socket = socket
        self.session = session
        self.heard: list[dict[str, Any]] = []
        self.stands: dict[tuple[int, str], int] = {}
        """The ``seq`` that it stands at, by sid and instrument."""
        self.books: dict[tuple[int, str], Sides] = {}
        self.data: dict[tuple[int, str], list[Any]] = {}
        self._stage = stage

    def subscribe(self, request: Subscribe) -> Subscription:
        return self._stage.board.subscribe(self.session, request)

    def read(self) -> list[dict[str, Any]]:
        """Take what came; gives back the data messages. One that does not follow on what came before is a failure."""
        found = []
        for message in self.socket.messages():
            if message["type"] not in ("snapshot", "update"):
                self.heard.append(message)
                continue
            found.append(message)
            place = message["sid"], message["instrument"]
            if message["type"] == "snapshot":
                self.data[place] = []
                self.books[place] = {}, {}
            else:
                assert message["prev_seq"] == self.stands[place]
                assert message["seq"] > message["prev_seq"]
            assert message["epoch"] == self._stage.books.epoch
            self.stands[place] = message["seq"]
            self.data[place].append(message["data"])
            if message["channel"] == "book":
                apply(self.books[place], message["data"])
        return found


def apply(book: Sides, data: dict[str, Any]) -> None:
    """Set levels as the contract says."""
    for side, levels in zip(book, (data["bids"], data["asks"]), strict=True):
        for price, quantity in levels:
            if quantity == "0":
                side.pop(price, None)
            else:
                side[price] = quantity


class Events:
    """Events of one instrument, as they are decoded; offsets and times go on."""

    def __init__(self, symbol: str = "BTC-USDT", *, start_us: int = 1_700_000_000_000_000) -> None:
        self.symbol = symbol
        self.key = f"binance.spot.{symbol}"
        self.offset = 0
        self.now_us = start_us

    def _event(self, **fields: Any) -> dict[str, Any]:
        self.offset += 1
        self.now_us += 10_000
        return {
            "exchange": "binance",
            "market": "spot",
            "symbol": self.symbol,
            "source": "ws",
            **fields,
            "exchange_time": self.now_us,
            "receive_time": self.now_us,
            "source_topic": "raw.binance.spot",
            "source_partition": 0,
            "source_offset": self.offset,
            "source_index": 0,
        }

    def update(
        self,
        kind: str,
        bids: Iterable[tuple[int, int]] = (),
        asks: Iterable[tuple[int, int]] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """Of ``book_updates``; prices and quantities in units."""
        bids, asks = list(bids), list(asks)
        return self._event(
            **{
                "kind": kind,
                "state": "live",
                "update_id": self.offset,
                "depth": None,
                "bid_prices": [price * UNIT for price, _ in bids],
                "bid_quantities": [quantity * UNIT for _, quantity in bids],
                "ask_prices": [price * UNIT for price, _ in asks],
                "ask_quantities": [quantity * UNIT for _, quantity in asks],
                **more,
            }
        )

    def snapshot(
        self, bids: Iterable[tuple[int, int]] = (), asks: Iterable[tuple[int, int]] = (), **more: Any
    ) -> dict[str, Any]:
        """Of ``book_snapshots``."""
        found = self.update("image", bids, asks, reason="interval", spread=None, spread_bps=None, **more)
        del found["kind"], found["depth"]
        return found

    def trade(self, number: int, price: int = 10) -> dict[str, Any]:
        """Of ``trades``."""
        return self._event(
            trade_id=str(number),
            price=price * UNIT,
            quantity=UNIT,
            contracts=None,
            side="BUY",
            aggregated=False,
        )

    def spread(self, bid: int, ask: int, *, origin: str = "book") -> dict[str, Any]:
        """Of ``spreads``."""
        return self._event(
            origin=origin,
            state="live",
            update_id=self.offset,
            bid_price=bid * UNIT,
            bid_quantity=UNIT,
            ask_price=ask * UNIT,
            ask_quantity=UNIT,
            mid=(bid + ask) * UNIT // 2,
            spread=(ask - bid) * UNIT,
            spread_bps=UNIT,
        )

    def gap(self, name: str, phase: str, *, stream: str = "book", **more: Any) -> dict[str, Any]:
        """Of ``gaps``."""
        return self._event(
            **{
                "gap": name,
                "stream": stream,
                "phase": phase,
                "cause": "sequence",
                "expected": None,
                "seen": None,
                "first_trade_id": None,
                "last_trade_id": None,
                "missed": None,
                "attempts": 0,
                "opened_time": self.now_us,
                "closed_time": self.now_us if phase == "closed" else None,
                "since_time": None,
                "until_time": None,
                "healed": "snapshot" if phase == "closed" else "none",
                "complete": phase == "closed",
                **more,
            }
        )

    def kline(self, interval: str, close: int) -> dict[str, Any]:
        """Of ``klines``."""
        price = close * UNIT
        return self._event(
            interval=interval,
            open_time=self.now_us,
            open_price=price,
            high_price=price,
            low_price=price,
            close_price=price,
            volume=None,
            quote_volume=None,
            trades=None,
            closed=False,
        )
