"""Books as streams tell them: whole, or the best levels of both sides. What clients have is exactly that, at every ``seq``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bookmill.book import Side
from bookmill.decimals import plain_text
from gateway.book_replica import BookReplica, Change

__all__ = ["BestLevels", "WholeBook"]

_SIGN_OF_LIFE_US = 1_000_000
"""A change that lies deeper than a client looks is told once in so long, so that its book does not look forgotten."""


class _BookContent:
    """``head`` is what clients have beside the levels."""

    lasting = True
    overflows = False

    def __init__(self, replica: BookReplica) -> None:
        self._replica = replica
        self._head = _head(replica)
        self.seq: int | None = replica.seq

    def _stand(self) -> bool:
        self._head, self.seq = _head(self._replica), self._replica.seq
        return self._replica.seq > 0


class WholeBook(_BookContent):
    """All levels. Of those that have changed since, what clients have of them is kept."""

    def __init__(self, replica: BookReplica) -> None:
        super().__init__(replica)
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def settle(self) -> bool:
        self._bids, self._asks = {}, {}
        return self._stand()

    def take(self, news: Change) -> bool:
        for had, changed in ((self._bids, news.bids), (self._asks, news.asks)):
            for price, before in changed.items():
                had.setdefault(price, before)
        return True

    def update(self) -> dict[str, Any]:
        book = self._replica.book
        bids, asks = _changed(book.bids, self._bids), _changed(book.asks, self._asks)
        self.settle()
        return {**self._head, "bids": _shown(bids), "asks": _shown(asks)}

    def snapshot(self) -> dict[str, Any]:
        book = self._replica.book
        return {
            **self._head,
            "bids": _as_had(book.bids, self._bids, best_is_highest=True),
            "asks": _as_had(book.asks, self._asks, best_is_highest=False),
        }


class BestLevels(_BookContent):
    """The best ``depth`` levels of each side."""

    def __init__(self, replica: BookReplica, depth: int) -> None:
        super().__init__(replica)
        self._depth = depth
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def settle(self) -> bool:
        book = self._replica.book
        self._bids, self._asks = self._best(book.bids), self._best(book.asks)
        return self._stand()

    def take(self, news: Change) -> bool:
        replica, head = self._replica, self._head
        return (
            replica.state != head["state"]
            or replica.source != head["source"]
            or not 0 <= replica.received_us - head["receive_time_us"] < _SIGN_OF_LIFE_US
            or self._reaches(self._bids, news.bids, 1)
            or self._reaches(self._asks, news.asks, -1)
        )

    def update(self) -> dict[str, Any]:
        had_bids, had_asks = self._bids, self._asks
        self.settle()
        return {
            **self._head,
            "bids": _shown(_differences(had_bids, self._bids)),
            "asks": _shown(_differences(had_asks, self._asks)),
        }

    def snapshot(self) -> dict[str, Any]:
        return {**self._head, "bids": _shown(self._bids.items()), "asks": _shown(self._asks.items())}

    def _best(self, one: Side) -> dict[int, int]:
        return dict(zip(*one.levels(self._depth), strict=True))

    def _reaches(self, had: dict[int, int], changed: Mapping[int, int], sign: int) -> bool:
        """Whether a change is among the levels that clients have, or would be."""
        if len(had) < self._depth:
            return bool(changed)
        worst = sign * next(reversed(had))
        return any(sign * price >= worst for price in changed)


def _head(replica: BookReplica) -> dict[str, Any]:
    return {
        "state": replica.state,
        "update_id": replica.update_id,
        "receive_time_us": replica.received_us,
        "source": replica.source,
    }


def _changed(one: Side, had: Mapping[int, int]) -> list[tuple[int, int]]:
    return [(price, now) for price, before in had.items() if (now := one.quantity(price)) != before]


def _as_had(one: Side, had: dict[int, int], *, best_is_highest: bool) -> list[tuple[str, str]]:
    if not had:
        return _shown(zip(*one.levels(), strict=True))
    levels = dict(zip(*one.levels(), strict=True)) | had
    return _shown(sorted(((p, q) for p, q in levels.items() if q), reverse=best_is_highest))


def _differences(had: Mapping[int, int], now: Mapping[int, int]) -> list[tuple[int, int]]:
    """From one set of levels to the other: those that are gone, then those that are new or another."""
    gone = [(price, 0) for price in had if price not in now]
    return gone + [(price, quantity) for price, quantity in now.items() if had.get(price) != quantity]


def _shown(levels: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """Levels as texts; a quantity of 0 is ``"0"``."""
    return [(plain_text(price), plain_text(quantity)) for price, quantity in levels]
