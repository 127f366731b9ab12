"""Books in the forms of the API, from levels as scaled ints, best first: whoever keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import Any

from bookmill.book import Book, Side
from bookmill.decimals import plain_text
from bookmill.times import iso
from gateway.forms import decimal_text, level_text
from gateway.views import age
from schemas.fields import Event
from schemas.measures import half_even, measure

__all__ = ["Levels", "book_stats", "book_view", "snapshot_levels", "snapshot_view"]

Levels = Sequence[tuple[int, int]]
"""Price and quantity of each level, scaled ints, best first."""

_UNIT = 10**18
_VOLUME_LEVELS = 20
_WHOLE_BPS = 10_000
_DEPTHS_BPS = (10, 50)
_FARTHEST_BPS = _DEPTHS_BPS[-1]


def snapshot_levels(event: Event) -> tuple[Levels, Levels]:
    """Bids and asks of an event of ``book_snapshots``."""
    return (
        list(zip(event["bid_prices"], event["bid_quantities"])),
        list(zip(event["ask_prices"], event["ask_quantities"])),
    )


def snapshot_view(event: Event, now_us: int, stale_after_us: int, depth: int | None = None) -> dict[str, Any]:
    """An event of ``book_snapshots`` in the form of a book."""
    bids, asks = snapshot_levels(event)
    return book_view(
        event["exchange"],
        event["market"],
        event["symbol"],
        bids[:depth],
        asks[:depth],
        levels=(len(bids), len(asks)),
        source="book_snapshots",
        state=event["state"],
        update_id=event["update_id"],
        epoch=None,
        seq=None,
        received_us=event["receive_time"],
        now_us=now_us,
        stale_after_us=stale_after_us,
    )


def book_view(
    exchange: str,
    market: str,
    symbol: str,
    bids: Levels,
    asks: Levels,
    *,
    levels: tuple[int, int],
    source: str,
    state: str,
    update_id: int | None,
    epoch: str | None,
    seq: int | None,
    received_us: int,
    now_us: int,
    stale_after_us: int,
) -> dict[str, Any]:
    """``bids`` and ``asks`` as far as they were asked for; ``levels``: how many there are of each."""
    mid, spread, spread_bps = measure(bids[0][0] if bids else None, asks[0][0] if asks else None)
    return {
        "instrument": f"{exchange}.{market}.{symbol}",
        "exchange": exchange,
        "market": market,
        "symbol": symbol,
        "state": state,
        "update_id": update_id,
        "epoch": epoch,
        "seq": seq,
        "depth": {"bids": levels[0], "asks": levels[1], "source": source},
        "bids": [(level_text(price), level_text(quantity)) for price, quantity in bids],
        "asks": [(level_text(price), level_text(quantity)) for price, quantity in asks],
        "mid": decimal_text(mid),
        "spread": decimal_text(spread),
        "spread_bps": decimal_text(spread_bps),
        "receive_time": iso(received_us),
        "receive_time_us": received_us,
        **age(received_us, now_us, stale_after_us, live=state == "live"),
    }


def book_stats(key: str, book: Book, *, updates_per_s: float) -> dict[str, Any]:
    """How much stands in a book: near the top, and within so many basis points of mid."""
    mid, _, spread_bps = measure(book.bids.best()[0], book.asks.best()[0])
    bids, asks = (_near(side, mid) for side in (book.bids, book.asks))
    bid_volume, ask_volume = (sum(quantities[:_VOLUME_LEVELS]) for _, quantities in (bids, asks))
    total = bid_volume + ask_volume
    difference = bid_volume - ask_volume
    sign = -1 if difference < 0 else 1
    imbalance = sign * half_even(abs(difference) * _UNIT, total) if total else None
    bid_depths, ask_depths = (
        _depths(side, levels, mid) for side, levels in ((book.bids, bids), (book.asks, asks))
    )
    return {
        "instrument": key,
        "levels_bid": len(book.bids),
        "levels_ask": len(book.asks),
        "bid_volume": plain_text(bid_volume),
        "ask_volume": plain_text(ask_volume),
        "imbalance": decimal_text(imbalance),
        "mid": decimal_text(mid),
        "spread_bps": decimal_text(spread_bps),
        **{
            f"depth_{bps}bps_{name}": decimal_text(depths.get(bps))
            for bps in _DEPTHS_BPS
            for name, depths in (("bid", bid_depths), ("ask", ask_depths))
        },
        "updates_per_s": round(updates_per_s, 1),
    }


def _near(side: Side, mid: int | None) -> tuple[Sequence[int], Sequence[int]]:
    """Prices and quantities of the levels that the figures are made of: a whole book may have thousands."""
    most = _VOLUME_LEVELS
    if mid is not None:
        most = max(most, side.count_to(mid - side.sign * (mid * _FARTHEST_BPS // _WHOLE_BPS)))
    return side.levels(most)


def _depths(side: Side, levels: tuple[Sequence[int], Sequence[int]], mid: int | None) -> dict[int, int]:
    """What stands not farther from mid than so many basis points, in quote units; rounded half to even at the 18th digit."""
    if mid is None:
        return {}
    prices, quantities = levels
    found = {}
    for bps in _DEPTHS_BPS:
        # A level is not farther where its distance times 10,000 is not more than mid times the basis points: whole numbers.
        farthest = mid * bps // _WHOLE_BPS
        # Where bids stand above asks, some may be farther from mid on the other side of it.
        near = slice(
            side.count_to(mid + side.sign * (farthest + 1)), side.count_to(mid - side.sign * farthest)
        )
        found[bps] = half_even(sum(map(mul, prices[near], quantities[near])), _UNIT)
    return found
