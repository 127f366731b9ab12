"""The gateway's own order books: one for each instrument, kept from the event topics as they come."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from gateway.book_replica import BookReplica, Change
from schemas.fields import Event

__all__ = ["BookObserver", "Books"]

BookObserver = Callable[[BookReplica, Change], None]
"""Called after each change of a book, its levels or its state."""


class Books:
    """An observer of :class:`gateway.live.LiveState`. ``epoch`` is another one at each start: ``seq`` counts within it."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(8)
        self.observers: list[BookObserver] = []
        self._books: dict[str, BookReplica] = {}

    def get(self, key: str) -> BookReplica | None:
        """The book of an instrument; None while nothing is known of it."""
        found = self._books.get(key)
        return found if found is not None and found.seq else None

    def take(self, topic: str, key: str, event: Event) -> None:
        """The next event of a topic; those that say nothing of books are passed over."""
        if topic == "book_updates":
            one = self._of(key, event)
            change = one.update(event)
        elif topic == "book_snapshots":
            one = self._of(key, event)
            change = one.snapshot(event)
        elif topic == "gaps":
            one = self._of(key, event)
            change = one.gap(event)
        else:
            return
        if change is not None:
            for observer in self.observers:
                observer(one, change)

    def of(self, exchange: str, market: str, symbol: str) -> BookReplica:
        """The same, also where nothing is known of it yet."""
        key = f"{exchange}.{market}.{symbol}"
        found = self._books.get(key)
        if found is None:
            found = self._books[key] = BookReplica(exchange, market, symbol)
        return found

    def _of(self, key: str, event: Event) -> BookReplica:
        return self._books.get(key) or self.of(event["exchange"], event["market"], event["symbol"])
