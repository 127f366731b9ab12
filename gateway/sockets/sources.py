"""What each channel tells of an instrument, out of the live state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

from bookmill.times import iso
from gateway import views
from gateway.books import Books
from gateway.forms import decimal_text
from gateway.instrument import Instrument
from gateway.intervals import INTERVALS
from gateway.live import LiveState
from gateway.presenting import present
from gateway.sockets.book_contents import BestLevels, WholeBook
from gateway.sockets.contents import NEWEST, Content, Keyed, Latest, Listed
from gateway.sockets.protocol import Channel
from schemas.catalogue import ALERTS, GAPS, LIQUIDATIONS
from schemas.fields import Event

__all__ = ["CHANNELS_OF", "Sources"]

CHANNELS_OF: Mapping[str, tuple[Channel, ...]] = {
    "spreads": ("prices",),
    "book_snapshots": ("prices",),  # a quiet book tells of itself
    "trades": ("trades", "prices"),
    "tickers": ("tickers", "prices"),
    "gaps": ("gaps", "prices"),
    "klines": ("klines",),
    "derivatives": ("derivatives",),
    "liquidations": ("liquidations",),
    "consolidated": ("consolidated",),
    "alerts": ("alerts",),
}
"""Which channels an event of a topic may have something to say to; books tell of their changes themselves."""

_View = Callable[[Instrument, int, int], "dict[str, Any] | None"]
_VIEWS: Mapping[Channel, _View] = {
    "prices": views.price,
    "tickers": views.ticker,
    "derivatives": views.derivative,
}


class Sources:
    """``status`` gives what the channel of that name tells. Of liquidations and alerts, which nobody else keeps, the newest are kept."""

    def __init__(
        self,
        live: LiveState,
        books: Books,
        clock: Callable[[], int],
        stale_after_us: int,
        status: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._live = live
        self._books = books
        self._clock = clock
        self._stale_after_us = stale_after_us
        self._status = status
        self._liquidations: dict[str, deque[Event]] = {}
        self._alerts: deque[Event] = deque(maxlen=NEWEST)

    def note(self, topic: str, key: str, event: Event) -> None:
        """Keep what is kept here."""
        if topic == "liquidations":
            self._liquidations.setdefault(key, deque(maxlen=NEWEST)).append(event)
        elif topic == "alerts":
            self._alerts.append(event)

    def content(self, channel: Channel, key: str, depth: int | None) -> Content:  # noqa: PLR0911  one for each kind
        """What a stream of a channel and an instrument (of ``consolidated`` a symbol) tells."""
        match channel:
            case "status":
                return Latest(self._status, self._clock, self._stale_after_us)
            case "alerts":
                return Listed(lambda: self._alerts, partial(present, ALERTS))
            case "consolidated":
                return Keyed(lambda: self._of_symbol(key), lambda event: event["kind"], self._consolidated)
        instrument = self._live.instruments[key]
        match channel:
            case "book":
                replica = self._books.of(instrument.exchange, instrument.market, instrument.symbol)
                return WholeBook(replica) if depth is None else BestLevels(replica, depth)
            case "trades":
                return Listed(lambda: _newest(instrument.trades), views.trade)
            case "liquidations":
                return Listed(lambda: self._liquidations.get(key, ()), partial(present, LIQUIDATIONS))
            case "gaps":
                return Keyed(
                    lambda: instrument.open_gaps,
                    lambda event: event["gap"],
                    partial(present, GAPS),
                    lambda event: event["phase"] == "closed",
                    empty=True,
                )
            case "klines":
                return Keyed(lambda: instrument.klines, lambda event: event["interval"], self._bar)
        view = _VIEWS[channel]
        return Latest(
            lambda: view(instrument, self._clock(), self._stale_after_us), self._clock, self._stale_after_us
        )

    def _of_symbol(self, symbol: str) -> dict[str, Event]:
        return {kind: event for (of, kind), event in self._live.consolidated.items() if of == symbol}

    def _consolidated(self, event: Event) -> dict[str, Any]:
        return views.consolidated(self._live, event, self._clock(), self._stale_after_us)

    def _bar(self, event: Event) -> dict[str, Any]:
        opened_us, closed = event["open_time"], event["closed"]
        interval = INTERVALS.get(event["interval"])
        if closed is None and interval is not None:  # the exchange does not say it
            closed = interval.next(opened_us) <= self._clock()
        return {
            "interval": event["interval"],
            "open_time": iso(opened_us),
            "open_time_us": opened_us,
            "open": decimal_text(event["open_price"]),
            "high": decimal_text(event["high_price"]),
            "low": decimal_text(event["low_price"]),
            "close": decimal_text(event["close_price"]),
            "volume": decimal_text(event["volume"]),
            "quote_volume": decimal_text(event["quote_volume"]),
            "trades": event["trades"],
            "closed": closed,
            "source": "venue",
        }


def _newest(events: deque[Event]) -> Iterable[Event]:
    return islice(events, max(0, len(events) - NEWEST), None)
