"""The best bid and ask of each symbol over all live books: a function of the records of one partition of ``tops``.

Only books of one kind of market are compared: a perpetual is not the coin. A book is left out that is not live, or of which
nothing was heard for too long by the time of receipt of the newest word of its symbol; where nothing comes at all, the owner
of the partition writes that into ``tops`` too (a record without a value), so that whoever reads the partition again comes to the same.
Deterministic: no clock, no I/O; the seconds that are handed in only tell what has been silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.event_id import event_id
from schemas.fields import Event
from schemas.market_kinds import MarketKind, market_kind
from schemas.measures import measure
from schemas.watcher_events import Best, Source, Top
from streams.watcher.tops import NO_TOP, is_later

__all__ = ["Consolidated", "Consolidation", "Quote", "Silent", "best_of"]

_LONG_S = 1e9


class Quote(NamedTuple):
    """What one live book offers."""

    exchange: str
    market: str
    top: Top


class Consolidated(NamedTuple):
    """The best of one symbol and kind; ``receive_micros``: the newest time of receipt that was known."""

    symbol: str
    kind: MarketKind
    bid: Best | None
    ask: Best | None
    cross_bps: int | None
    venues: int
    receive_micros: int


class Silent(NamedTuple):
    """A top of which nothing was heard: key of its record, and the event id that it stands at."""

    key: bytes
    identity: bytes


def best_of(quotes: list[Quote]) -> tuple[Best | None, Best | None, int | None]:
    """Best bid, best ask, and how far in basis points the best bid of one book is above the best ask of another.

    Of equal prices the one with more behind it is better, then the one whose name comes first.
    """
    bids = [
        Best(price, quantity or 0, each.exchange, each.market)
        for each in quotes
        for price, quantity in (each.top[:2],)
        if price is not None
    ]
    asks = [
        Best(price, quantity or 0, each.exchange, each.market)
        for each in quotes
        for price, quantity in (each.top[2:],)
        if price is not None
    ]
    bids.sort(key=lambda one: (-one.price, -one.quantity, one[2:]))
    asks.sort(key=lambda one: (one.price, -one.quantity, one[2:]))
    return bids[0] if bids else None, asks[0] if asks else None, _cross(bids, asks)


def _cross(bids: list[Best], asks: list[Best]) -> int | None:
    # Where one book has both the best bid and the best ask, one of the two second ones makes the pair.
    pairs = [(bid, ask) for bid in bids[:2] for ask in asks[:2] if bid[2:] != ask[2:]]
    if not pairs:
        return None
    bid, ask = max(pairs, key=lambda pair: pair[0].price - pair[1].price)
    bps = measure(bid.price, ask.price)[2]
    return None if bps is None else -bps


class _Book:
    """One book's top, or one exchange's own best bid and ask."""

    __slots__ = ("gone", "heard_s", "live", "place", "top")

    def __init__(self) -> None:
        self.top: Top = NO_TOP
        self.live = False
        self.place: tuple[Source, int] | None = None
        self.gone = False
        self.heard_s = 0.0


class _Symbol:
    """All books of one symbol and kind. ``told``: what was said of them last."""

    __slots__ = ("books", "newest_micros", "told")

    def __init__(self) -> None:
        self.books: dict[tuple[str, str], dict[str, _Book]] = {}
        self.newest_micros = 0
        self.told: Consolidated | None = None


class Consolidation:
    """Records of one partition of ``tops`` in, what has changed out. ``stale_micros``: after so long without a word a top is stale."""

    def __init__(self, *, stale_micros: int) -> None:
        self._stale_micros = stale_micros
        self._symbols: dict[tuple[str, MarketKind], _Symbol] = {}
        self._by_key: dict[bytes, tuple[tuple[str, MarketKind], _Book]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def take(self, key: bytes, top: Event | None, identity: bytes, now_s: float) -> Consolidated | None:
        """The next record: ``top`` its value, None where it has none; ``identity`` of its header. What is to be said, if anything."""
        name = self._forget(key, identity) if top is None else self._learn(key, top, now_s)
        return None if name is None else self._say(name)

    def restore(self, key: bytes, top: Event | None, identity: bytes, now_s: float) -> None:
        """A record from before the committed offset: what was to be said of it has been said."""
        if top is None:
            self._forget(key, identity)
        else:
            self._learn(key, top, now_s)

    def restored(self) -> None:
        """All of those have been given: what is true now was said last."""
        for name in self._symbols:
            self._say(name)

    def silent(self, now_s: float) -> Iterator[Silent]:
        """What was not heard of for too long by the clock; each is told once."""
        for key, (_, book) in self._by_key.items():
            if not book.gone and now_s - book.heard_s >= self._stale_micros / 1e6 and book.place is not None:
                book.heard_s = now_s + _LONG_S  # until its record comes back, or another one
                yield Silent(key, event_id(*book.place[0]).encode())

    def _learn(self, key: bytes, top: Event, now_s: float) -> tuple[str, MarketKind] | None:
        place = (
            Source(top["source_topic"], top["source_partition"], top["source_offset"], top["source_index"]),
            top["receive_time"],
        )
        exchange, market, symbol = top["exchange"], top["market"], top["symbol"]
        name = (symbol, market_kind(market, symbol))
        known = self._by_key.get(key)
        if known is None:
            of = self._symbols.setdefault(name, _Symbol())
            book = of.books.setdefault((exchange, market), {})[top["origin"]] = _Book()
            self._by_key[key] = (name, book)
        else:
            book, of = known[1], self._symbols[name]
            if not is_later(place, book.place):
                return None  # a watcher that was started anew says it again
        book.top = (top["bid_price"], top["bid_quantity"], top["ask_price"], top["ask_quantity"])
        book.live, book.place, book.gone, book.heard_s = top["live"], place, False, now_s
        of.newest_micros = max(of.newest_micros, place[1])
        return name

    def _forget(self, key: bytes, identity: bytes) -> tuple[str, MarketKind] | None:
        name, book = self._by_key.get(key, (None, None))
        if book is None or book.place is None or event_id(*book.place[0]).encode() != identity:
            return None  # something has come of it meanwhile
        book.gone = True
        return name

    def _say(self, name: tuple[str, MarketKind]) -> Consolidated | None:
        of = self._symbols[name]
        quotes = [
            Quote(exchange, market, top)
            for (exchange, market), origins in of.books.items()
            if (top := self._top(origins, of.newest_micros)) is not None
        ]
        bid, ask, cross_bps = best_of(quotes)
        said = Consolidated(*name, bid, ask, cross_bps, len(quotes), of.newest_micros)
        if of.told is not None and said[:-1] == of.told[:-1]:
            return None
        of.told = said
        return said

    def _top(self, origins: dict[str, _Book], newest_micros: int) -> Top | None:
        """What a market offers: by its book, and where none has been heard of by the exchange's own word; None: nothing that is true."""
        for origin in ("book", "ticker"):
            book = origins.get(origin)
            if book is None or book.gone or book.place is None:
                continue
            if newest_micros - book.place[1] <= self._stale_micros:
                return book.top if book.live and (book.top[0], book.top[2]) != (None, None) else None
        return None
