"""A synthetic market: random but plausible orders on a real book of whole ticks and lots, the same for the same seed.

Each order changes the book, and every changed level takes the next update id. What an exchange publishes of it (fills, changes
of the best prices, levels changed since the last batch) goes to a :class:`~simulator.feed.Feed`. Update and trade ids, prices
and quantities depend on the seed alone; only the times in frames are the clock's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from simulator.day import DayFigures
from simulator.feed import Feed, Level, Truth
from simulator.instruments import Instrument

__all__ = ["OrderFlow"]

_BID, _ASK = 0, 1
_DEPTH = 500  # ticks from the best price within which orders come
_LEAST_LEVELS = 250
_MOST_LEVELS = 900
_MOST_LEVELS_TAKEN = 4


class OrderFlow:
    """The orders, the book and the trades of one instrument. ``ids`` yields the market's update ids, only growing."""

    def __init__(self, instrument: Instrument, ids: Iterator[int], feed: Feed, seed: str) -> None:
        self.instrument = instrument
        self.feed = feed
        self.trades = 0
        self.traded_lots = 0
        # Not cryptography: the same seed has to give the same market.
        self._random = random.Random(seed)  # noqa: S311
        self._ids = ids
        self._next_trade = self._random.randrange(10**6, 10**7)
        self._books: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._best = [instrument.start_price - 1, instrument.start_price]
        self._anchor = instrument.start_price
        for side, away in ((_BID, -1), (_ASK, 1)):
            for distance in range(_DEPTH):
                if distance == 0 or self._random.random() < 0.8:
                    self._books[side][self._best[side] + away * distance] = self._lots()
        self.update_id = self._published_id = self.opening_id = next(ids)
        self._first_id = 0
        self._changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._shown: tuple[dict[int, int], dict[int, int]] = (self._books[0].copy(), self._books[1].copy())
        self._day = DayFigures(instrument.start_price)

    def act(self) -> int:
        """One order; returns how many frames it is worth at once (its level changes come with the next batch)."""
        draw = self._random.random()
        side = _BID if self._random.random() < self._bid_share() else _ASK
        before = (*self._best, self._books[_BID][self._best[_BID]], self._books[_ASK][self._best[_ASK]])
        frames = 0
        if draw < 0.45:
            self._limit(side)
        elif draw < 0.85:
            self._cancel(side)
        else:
            frames = self._take(side)
        bid, ask = self._best
        bid_lots, ask_lots = self._books[_BID][bid], self._books[_ASK][ask]
        if (bid, ask, bid_lots, ask_lots) != before:
            self.feed.top(self.update_id, (bid, bid_lots), (ask, ask_lots))
            frames += 1
        return frames

    def close_batch(self) -> int:
        """Publish the levels changed since the last batch; returns the number of frames, 0 when nothing changed."""
        bids, asks = self._changed
        if not bids and not asks:
            return 0
        self.feed.depth(self._first_id, self.update_id, self._published_id, bids, asks)
        for shown, changed in zip(self._shown, self._changed):
            for price, lots in changed.items():
                if lots:
                    shown[price] = lots
                else:
                    shown.pop(price, None)
        self._published_id, self._first_id = self.update_id, 0
        self._changed = ({}, {})
        return 1

    def clock(self, time_ms: int) -> None:
        """The exchange's clock has come to another second: the feed is told the day's figures."""
        self.feed.time_ms = time_ms
        figures = self._day.due(time_ms)
        if figures is not None:
            self.feed.second(figures)

    def book(self, limit: int) -> tuple[int, list[Level], list[Level]]:
        """The book of this moment, in the middle of a batch as a rule: update id and at most ``limit`` levels a side."""
        bids, asks = self._books
        return self.update_id, sorted(bids.items(), reverse=True)[:limit], sorted(asks.items())[:limit]

    def truth(self) -> Truth:
        """The book as of the last published batch, and the trades."""
        bids, asks = self._shown
        return Truth(
            self._published_id,
            sorted(bids.items(), reverse=True),
            sorted(asks.items()),
            self.trades,
            self.traded_lots,
        )

    def _bid_share(self) -> float:
        """Which side an order is on: buyers are rarer above the anchor, so that the price wanders but comes back."""
        return 0.5 + 0.2 * max(-1.0, min(1.0, (self._anchor - self._best[_ASK]) / (2 * _DEPTH)))

    def _lots(self) -> int:
        return 1 + int(self._random.random() ** 3 * 4 * self.instrument.lot_scale)

    def _distance(self) -> int:
        """Ticks from the best price: often none, seldom far."""
        return int(self._random.random() ** 4 * _DEPTH)

    def _set(self, side: int, price: int, lots: int) -> None:
        if lots:
            self._books[side][price] = lots
        else:
            del self._books[side][price]
        self._changed[side][price] = lots
        self.update_id = next(self._ids)
        if not self._first_id:
            self._first_id = self.update_id

    def _limit(self, side: int) -> None:
        """An order that waits: at, behind, or, where the spread leaves room, before the best price."""
        away = -1 if side == _BID else 1
        best = self._best[side]
        if self._best[_ASK] - self._best[_BID] > 1 and self._random.random() < 0.5:
            price = self._best[side] = best - away
        else:
            price = max(1, best + away * self._distance())
        self._set(side, price, self._books[side].get(price, 0) + self._lots())

    def _cancel(self, side: int) -> None:
        """An order taken back, whole or in part; far levels of a book grown too deep go first."""
        book = self._books[side]
        away = -1 if side == _BID else 1
        if len(book) > _MOST_LEVELS:
            self._set(side, min(book) if side == _BID else max(book), 0)
            return
        price = self._best[side] + away * self._distance()
        lots = book.get(price, 0)
        if not lots:
            return
        rest = 0 if self._random.random() < 0.5 and len(book) > _LEAST_LEVELS else lots // 2
        if rest == 0 and len(book) <= _LEAST_LEVELS:
            return
        self._set(side, price, rest)
        if rest == 0 and price == self._best[side]:
            self._find_best(side)

    def _take(self, side: int) -> int:
        """An order that trades against the best levels of the other side; returns the number of fills."""
        other = _ASK if side == _BID else _BID
        wanted = self._lots()
        fills = 0
        for _ in range(_MOST_LEVELS_TAKEN):
            book, price = self._books[other], self._best[other]
            taken = min(wanted, book[price])
            if taken == book[price] and len(book) <= _LEAST_LEVELS:
                taken -= 1  # the last levels are never emptied: a book has two sides
            if taken == 0:
                break
            fills += self._fill(price, taken, seller_aggressed=side == _ASK)
            self._set(other, price, book[price] - taken)
            if price not in book:
                self._find_best(other)
            wanted -= taken
            if not wanted:
                break
        return fills

    def _fill(self, price: int, lots: int, *, seller_aggressed: bool) -> int:
        """Trade against one level, which may be two makers' orders; returns the number of fills."""
        first = self._next_trade
        parts = [lots]
        if lots > 1 and self._random.random() < 0.3:
            part = 1 + int(self._random.random() * (lots - 1))
            parts = [part, lots - part]
        for part in parts:
            self._day.trade(price, part)
            self.feed.trade(self._next_trade, price, part, seller_aggressed=seller_aggressed)
            self._next_trade += 1
        self.feed.aggregate(first, self._next_trade - 1, price, lots, seller_aggressed=seller_aggressed)
        self.trades += len(parts)
        self.traded_lots += lots
        return len(parts)

    def _find_best(self, side: int) -> None:
        book, price = self._books[side], self._best[side]
        away = -1 if side == _BID else 1
        while price not in book:
            price += away
        self._best[side] = price
