"""One instrument as the events have last told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

from schemas.fields import Event

__all__ = ["TOPICS", "BookState", "Instrument", "is_after"]

BookState = Literal["live", "resyncing", "stale", "degraded"]

_MARK = ("state", "receive_time", "source_topic", "source_partition", "source_offset", "source_index")
_OPEN_GAPS = 1000
"""Most open gaps kept of one instrument: trades that nobody can bring any more stay open for ever."""


class Instrument:
    """``spreads`` by origin (``book``, ``ticker``), ``klines`` by interval, ``open_gaps`` by gap, ``trades`` in the order they came."""

    __slots__ = (
        "_whole",
        "derivative",
        "exchange",
        "heard_us",
        "key",
        "klines",
        "last_gap",
        "last_trade",
        "liquidation",
        "lost",
        "market",
        "newest_of_book",
        "open_gaps",
        "resyncs",
        "snapshot",
        "spreads",
        "symbol",
        "ticker",
        "trades",
        "updates",
    )

    def __init__(self, exchange: str, market: str, symbol: str, *, recent_trades: int) -> None:
        self.exchange = exchange
        self.market = market
        self.symbol = symbol
        self.key = f"{exchange}.{market}.{symbol}"
        self.heard_us = 0
        """When a frame of it was received last, of any kind."""
        self.spreads: dict[str, Event] = {}
        self.snapshot: Event | None = None
        self.ticker: Event | None = None
        self.derivative: Event | None = None
        """Each field as it was said last: a frame says some of them."""
        self.klines: dict[str, Event] = {}
        self.trades: deque[Event] = deque(maxlen=recent_trades)
        self.last_trade: Event | None = None
        """The newest that was told when it happened, not fetched later."""
        self.liquidation: Event | None = None
        self.open_gaps: dict[str, Event] = {}
        self.last_gap: Event | None = None
        self.lost: Event | None = None
        """The event that its book was lost with; None while it is live, or has none."""
        self.newest_of_book: Event | None = None
        """The newest event that the book made: it changed, its best prices did, or an interval began. Not all of its fields."""
        self.updates = 0
        """Changes of the book: of all of it where the workers tell them, else of its best prices."""
        self.resyncs = 0
        """How often its book was found again since the gateway runs."""
        self._whole = False  # whether the workers tell all changes of its book

    @property
    def book_state(self) -> BookState | None:
        """Of the book behind the events; None while nothing is known of one."""
        if self.lost is not None:
            return "resyncing"
        newest = self.newest_of_book
        state: BookState | None = None if newest is None else newest["state"]
        return state

    def take(self, topic: str, event: Event) -> None:
        """The next event of a topic."""
        self.heard_us = max(self.heard_us, event["receive_time"])
        _TAKE[topic](self, event)

    def _spread(self, event: Event) -> None:
        self.spreads[event["origin"]] = event
        if event["origin"] == "book":
            self.updates += not self._whole
            self._of_book(event)

    def _snapshot(self, event: Event) -> None:
        self.snapshot = event
        self._of_book(event)

    def _update(self, event: Event) -> None:
        self.updates += 1
        self._whole = True
        self._of_book({name: event[name] for name in _MARK})  # levels are kept with the books

    def _trade(self, event: Event) -> None:
        self.trades.append(event)
        if event["source"] != "backfill":
            self.last_trade = event

    def _ticker(self, event: Event) -> None:
        self.ticker = event

    def _kline(self, event: Event) -> None:
        self.klines[event["interval"]] = event

    def _derivative(self, event: Event) -> None:
        said = {name: value for name, value in event.items() if value is not None}
        self.derivative = event if self.derivative is None else {**self.derivative, **said}

    def _liquidation(self, event: Event) -> None:
        self.liquidation = event

    def _of_book(self, event: Event) -> None:
        """A book that makes events is not lost, whether its gap is told closed or not; or they say that it is."""
        if self.newest_of_book is None or is_after(event, self.newest_of_book):
            self.newest_of_book = event
        if self.lost is not None and event["state"] != "resyncing" and is_after(event, self.lost):
            self.open_gaps.pop(self.lost["gap"], None)
            self.lost = None

    def _gap(self, event: Event) -> None:
        if self.last_gap is None or event["opened_time"] >= self.last_gap["opened_time"]:
            self.last_gap = event
        of_book = _kind_of_gap(event) == ("book", False)
        if event["phase"] == "closed":
            self.open_gaps.pop(event["gap"], None)
            if of_book:
                self.resyncs += event["healed"] != "none"
                if self.lost is not None and is_after(event, self.lost):
                    self.lost = None
        elif of_book:
            if self.newest_of_book is None or is_after(event, self.newest_of_book):
                self.lost = event
                self._open(event)
        else:
            self._open(event)

    def _open(self, event: Event) -> None:
        if event["stream"] != "trades":  # of these one is open at a time: an older one was never told closed
            kind = _kind_of_gap(event)
            for gap in [gap for gap, each in self.open_gaps.items() if _kind_of_gap(each) == kind]:
                del self.open_gaps[gap]
        self.open_gaps[event["gap"]] = event
        if len(self.open_gaps) > _OPEN_GAPS:
            del self.open_gaps[next(iter(self.open_gaps))]


_TAKE: Mapping[str, Callable[[Instrument, Event], None]] = {
    "spreads": Instrument._spread,
    "book_snapshots": Instrument._snapshot,
    "book_updates": Instrument._update,
    "trades": Instrument._trade,
    "tickers": Instrument._ticker,
    "klines": Instrument._kline,
    "derivatives": Instrument._derivative,
    "liquidations": Instrument._liquidation,
    "gaps": Instrument._gap,
}
TOPICS = frozenset(_TAKE)
"""Of whose events instruments are made."""


def is_after(event: Event, other: Event) -> bool:
    """Whether an event comes after another of the same instrument, of whatever topic: topics are read side by side."""
    if (event["source_topic"], event["source_partition"]) == (
        other["source_topic"],
        other["source_partition"],
    ):
        return _place(event) > _place(other)
    later: bool = event["receive_time"] > other["receive_time"]
    return later


def _kind_of_gap(event: Event) -> tuple[str, bool]:
    """Its stream, and whether it is about times that cannot be, not about what is missing."""
    return event["stream"], event["cause"] == "time"


def _place(event: Event) -> tuple[int, int]:
    return event["source_offset"], event["source_index"]
