"""What both REST sides of a simulated Coinbase share: the token bucket of an address, faults of book calls, times in queries."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.coinbase_ledger import Ledger
from simulator.dialect import Books, Snapshots
from simulator.faults import RestFaults
from simulator.feed import Bar
from simulator.web import Request, Response

__all__ = ["Answers", "CoinbaseRest", "RestError", "number", "seconds", "within"]

_CALLS_A_SECOND, _BURST = 10.0, 15.0


class RestError(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.response = Response(status, json.dumps(body, separators=(",", ":")).encode())


class _TokenBucket:
    """So many calls a second, and as many at once as it holds. Times are monotonic seconds, given by the caller."""

    def __init__(self, rate: float, size: float, now_s: float) -> None:
        self._rate, self._size = rate, size
        self._tokens, self._last_s = size, now_s

    def admit(self, now_s: float) -> bool:
        """Count one call; False when it is one too many."""
        self._tokens = min(self._size, self._tokens + (now_s - self._last_s) * self._rate)
        self._last_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Answers:
    """One exchange's paths: ``book`` names the product and the levels that a path asks for, ``other`` answers the rest.

    ``too_many`` is the body of a 429.
    """

    too_many: bytes

    def book(self, request: Request) -> tuple[str, int] | None:
        """None where the call asks for no book."""
        raise NotImplementedError

    def other(self, request: Request, books: Books, ledgers: Mapping[str, Ledger]) -> Response:
        """Raises :class:`RestError`."""
        raise NotImplementedError

    def shaped(self, request: Request, body: bytes) -> bytes:  # noqa: ARG002  for exchanges with several shapes
        """A book in the shape that the call asks for."""
        return body

    def unknown_product(self, product: str) -> RestError:
        """The error for it."""
        raise NotImplementedError


class CoinbaseRest:
    """Answers calls: 10 a second and address with bursts of 15, then 429 without a word on when (section 8.1)."""

    def __init__(
        self, answers: Answers, ledger_of: Callable[[], Mapping[str, Ledger]], *, scale: float
    ) -> None:
        self._answers = answers
        self._ledgers = ledger_of
        self._scale = scale
        self._buckets: dict[str, _TokenBucket] = {}
        self._counts = {"calls": 0, "snapshots": 0, "refused_429": 0, "faults": 0}

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots, refusals and faults so far."""
        return dict(self._counts)

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        self._counts["calls"] += 1
        now_s = time.monotonic()
        bucket = self._buckets.setdefault(
            request.peer, _TokenBucket(_CALLS_A_SECOND * self._scale, _BURST, now_s)
        )
        if not bucket.admit(now_s):
            self._counts["refused_429"] += 1
            return Response(429, self._answers.too_many)
        try:
            asked = self._answers.book(request) if request.method == "GET" else None
            if asked is None:
                return self._answers.other(request, books, self._ledgers())
            return await self._book(request, books, faults, *asked)
        except RestError as error:
            return error.response

    async def _book(
        self, request: Request, books: Books, faults: RestFaults, product: str, levels: int
    ) -> Response:
        book: Snapshots | None = books.get(product)
        if book is None:
            raise self._answers.unknown_product(product)
        fault = faults.take()
        body = self._answers.shaped(request, book.snapshot(levels, time.time_ns() // 1_000_000))
        if fault is not None:
            self._counts["faults"] += 1
            await asyncio.sleep(fault.delay_s)
            if fault.status != 200:
                return Response(fault.status, self._answers.too_many)
            if fault.content != "good":
                body = self._answers.shaped(request, book.snapshot(0, 0))
        self._counts["snapshots"] += 1
        return Response(200, body)


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, cut to ``most``; raises :class:`RestError`."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise RestError(400, {"message": f"{name} is invalid"})
    return min(int(text), most)


def seconds(text: str) -> int:
    """A time of a query, ISO 8601 or seconds since the epoch; raises :class:`RestError`."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RestError(400, {"message": "Invalid start or end"}) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def within(bars: list[Bar], start_s: int, end_s: int) -> list[Bar]:
    """Those that start in this time, newest first."""
    return [bar for bar in reversed(bars) if start_s <= bar.start_ms // 1000 <= end_s]
