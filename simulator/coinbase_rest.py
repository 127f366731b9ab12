"""What both REST sides of a simulated Coinbase share: the token bucket of an address, faults of book calls, times in queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.coinbase_ledger import Ledger
from simulator.dialect import Books
from simulator.faults import RestFaults
from simulator.feed import Bar
from simulator.limits import Verdict
from simulator.rest import RestDesk, json_response, now_ms
from simulator.web import Request, Response

__all__ = ["Answers", "CoinbaseRest", "RestError", "number", "seconds", "within"]

_CALLS_A_SECOND, _BURST = 10.0, 15.0


class RestError(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.response = json_response(body, status)


class _TokenBucket:
    """So many calls a second, and as many at once as it holds; times as :class:`~simulator.limits.Budget` has them."""

    def __init__(self, rate: float, size: float) -> None:
        self._rate, self._size = rate, size
        self._tokens, self._last_s = size, 0.0

    def spend(self, weight: int, now_s: float) -> Verdict:
        """Count a call, or refuse it."""
        self._tokens = min(self._size, self._tokens + (now_s - self._last_s) * self._rate)
        self._last_s = now_s
        if self._tokens < weight:
            return Verdict(429, 0)
        self._tokens -= weight
        return Verdict(200, 0)


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
        self._desk = RestDesk(
            lambda: _TokenBucket(_CALLS_A_SECOND * scale, _BURST),
            lambda verdict: Response(verdict.status, answers.too_many),
        )

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots, refusals and faults so far."""
        return self._desk.counts()

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One call."""
        answers = self._answers
        self._desk.called()
        try:
            asked = answers.book(request) if request.method == "GET" else None
            if asked is None:
                return self._desk.charged(request, lambda _: answers.other(request, books, self._ledgers()))
            product, levels = asked
            if product not in books:
                raise answers.unknown_product(product)
            book = books[product]
            return await self._desk.snapshot(
                request,
                faults,
                lambda _: Response(200, answers.shaped(request, book.snapshot(levels, now_ms()))),
                stale=lambda body: body,  # no number in it could be older than the frames
                empty=answers.shaped(request, book.snapshot(0, now_ms())),
            )
        except RestError as error:
            return error.response


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
