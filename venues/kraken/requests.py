"""What is asked of Kraken's websocket: which channels, with which parameters, in which texts (protocol page, section 7.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from venues.interface import StreamOptions

__all__ = ["INTERVALS", "INTERVAL_OF", "Subscription", "asked", "book", "subscriptions"]

_INTERVALS = {
    "1m": 1,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "4h": 240,
    "1d": 1440,
    "1w": 10_080,
    "15d": 21_600,
}
INTERVALS = tuple(_INTERVALS)
INTERVAL_OF = {minutes: interval for interval, minutes in _INTERVALS.items()}
"""Our word for a bar of so many minutes."""

_BOOK_ID, _TICKER_ID, _TRADE_ID = 1, 2, 3
_OHLC_ID = 1000
"""Request ids name the channel, since a refusal does not. Of bars: 1000 and their minutes."""


class Subscription(NamedTuple):
    """One channel: its name in routes, its parameters beside the symbols, the id of requests for it."""

    channel: str
    params: dict[str, Any]
    request_id: int

    def request(self, method: str, wire_symbols: Sequence[str]) -> str:
        """The text that subscribes or unsubscribes these instruments."""
        params = {**self.params, "symbol": list(wire_symbols)}
        return json.dumps(
            {"method": method, "params": params, "req_id": self.request_id}, separators=(",", ":")
        )


def book(depth: int) -> Subscription:
    """The book with so many levels a side, which its route names."""
    return Subscription(f"book.{depth}", {"channel": "book", "depth": depth, "snapshot": True}, _BOOK_ID)


def subscriptions(options: StreamOptions, depth: int) -> list[Subscription]:
    """The channels that bring what is wanted.

    One ``ticker`` serves best and ticker alike: it comes with each trade, or with each change of the best prices too. Tickers and bars
    are sent once at the start, so that quiet instruments are seen to be there. Trades are not: the last fifty would be
    repetitions after every reconnect.
    """
    wanted = frozenset(options.channels)
    found: list[Subscription] = []
    if "book" in wanted:
        found.append(book(depth))
    if wanted & {"best", "ticker"}:
        trigger = "bbo" if "best" in wanted else "trades"
        params = {"channel": "ticker", "event_trigger": trigger, "snapshot": True}
        found.append(Subscription("ticker", params, _TICKER_ID))
    if "trades" in wanted:
        found.append(Subscription("trade", {"channel": "trade", "snapshot": False}, _TRADE_ID))
    if "klines" in wanted:
        known = dict.fromkeys(_INTERVALS[text] for text in options.kline_intervals if text in _INTERVALS)
        found += map(_bars, known)
    return found


def asked(request_id: int | None, depth: int) -> Sequence[str]:
    """The channel a request was for, as routes name it; all there are where the id is none of ours."""
    named = {_BOOK_ID: f"book.{depth}", _TICKER_ID: "ticker", _TRADE_ID: "trade"}
    named |= {_OHLC_ID + minutes: f"ohlc.{minutes}" for minutes in INTERVAL_OF}
    return (named[request_id],) if request_id in named else tuple(named.values())


def _bars(minutes: int) -> Subscription:
    params = {"channel": "ohlc", "interval": minutes, "snapshot": True}
    return Subscription(f"ohlc.{minutes}", params, _OHLC_ID + minutes)
