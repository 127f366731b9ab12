"""A market without an adapter, known by ccxt alone: nothing flows on a socket, all its records are polled ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from bookmill.errors import ConfigurationError, FrameError
from venues.adapter import Adapter, Ordered
from venues.ccxt_markets import KINDS, ids
from venues.interface import Channel, ConnectionPlan, Control, Limits, RestRequest, Route, StreamOptions
from venues.messages import Instrument, Message

__all__ = ["POLLED_CHANNELS", "PolledVenue"]

POLLED_CHANNELS: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker", "klines"})
"""What can be asked for over REST."""

_BARS = {"s": (1,), "m": (1, 3, 5, 15, 30), "h": (1, 2, 4, 6, 8, 12), "d": (1, 3), "w": (1,), "M": (1,)}
_NO_WEIGHT = 1_000_000
"""ccxt keeps the pace itself; nothing of ours is asked for."""


class PolledVenue(Adapter):
    """``exchange`` is ccxt's id. Raises :class:`ConfigurationError` for one that ccxt does not know, and for a market of none."""

    websocket_url = ""
    rest_url = ""
    limits = Limits(_NO_WEIGHT, streams_per_connection=1, requests_per_s=1.0, session_s=float("inf"))
    channels = POLLED_CHANNELS
    kline_intervals = tuple(f"{n}{unit}" for unit, lengths in _BARS.items() for n in lengths)
    """Those that ccxt has words for; which of them the exchange has is known when it is asked."""
    by_ccxt = True

    def __init__(self, exchange: str, market: str) -> None:
        if exchange not in ids():
            raise ConfigurationError(f"ccxt knows no exchange '{exchange}'.", hint=_nearest(exchange, ids()))
        if market not in KINDS:
            raise ConfigurationError(
                f"{exchange} has no market '{market}' that can be polled.", hint=_nearest(market, KINDS)
            )
        super().__init__()
        self.exchange = exchange
        self.market = market
        self.ccxt_id = exchange
        self.contracts = market != "spot"
        self.continuity = Ordered()

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:  # noqa: ARG002
        """No connection."""
        return ()

    def route(self, frame: bytes) -> Route | None:  # noqa: ARG002  there are none
        """No frame has one."""
        return None

    def control(self, frame: bytes) -> Control:  # noqa: ARG002  there are none
        """No frame says anything."""
        return Control("unknown")

    def instruments_request(self) -> RestRequest:
        """ccxt asks."""
        return RestRequest("", {}, 0)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:  # noqa: ARG002  same
        """ccxt reads."""
        raise FrameError(f"The instruments of {self.exchange} come by ccxt.")

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:  # noqa: ARG002  same
        """Only polled records are of this market, and those are read by :mod:`venues.polled`."""
        raise FrameError(f"{self.exchange}.{self.market} is polled: it has no {channel[:40]!r} frames.")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(names)}."
