"""Past trades of Binance: ``historicalTrades`` and ``aggTrades`` from an id on (protocol page, sections 3.4, 4.3 and 4.5).

On USD-M ``historicalTrades`` wants a key; without one there are only the last thousand, ``trades``. Trades of the insurance fund
and by auto-deleveraging take ids there and are in neither, nor in the stream's events.
"""

from __future__ import annotations

from typing import NamedTuple

from venues.history import Forwards, OnePage, Read
from venues.interface import Backfill, RestRequest, TradeSpan

__all__ = ["KEY_HEADER", "PastTrades", "Source"]

KEY_HEADER = "X-MBX-APIKEY"
_LATEST = 1000


class Source(NamedTuple):
    """One endpoint: what a call of it costs, how many trades it brings. ``counted``: ids have no holes."""

    path: str
    weight: int
    most: int
    keyed: bool = False
    counted: bool = True


class PastTrades(NamedTuple):
    """What a market has. ``single`` None: its stream is always the aggregated one. ``latest``: what is left without a key."""

    aggregated: Source
    single: Source | None = None
    latest: Source | None = None

    def way(
        self, wire_symbol: str, span: TradeSpan, read: Read, *, aggregated: bool, has_key: bool
    ) -> Backfill:
        """The way to the missing trades of a stream."""
        source = self.aggregated if aggregated or self.single is None else self.single
        if source.keyed and not has_key and self.latest is not None:
            latest = self.latest
            params = {"symbol": wire_symbol, "limit": str(_LATEST)}
            request = RestRequest(latest.path, params, latest.weight)
            return OnePage(span, read, request, most=_LATEST, counted=latest.counted)

        def ask(number: int, count: int) -> RestRequest:
            params = {"symbol": wire_symbol, "fromId": str(number), "limit": str(count)}
            return RestRequest(source.path, params, source.weight, keyed=source.keyed)

        return Forwards(span, read, ask, most=source.most, counted=source.counted)
