"""What the REST of every exchange has in common: JSON answers, what a client address may still ask, scripted faults, counts.

Which paths there are, and how answers and refusals read, is the dialect's business.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from simulator.faults import RestFault, RestFaults
from simulator.limits import Budget, Verdict
from simulator.web import Request, Response

__all__ = ["RestDesk", "json_bytes", "json_response", "now_ms"]


def json_bytes(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(status, json_bytes(value), headers or {})


def now_ms() -> int:
    """The exchange's clock."""
    return time.time_ns() // 1_000_000


class RestDesk:
    """Where a market's calls are admitted and counted.

    ``budget`` makes what one client address has to spend (:class:`~simulator.limits.CallBudget` counts calls,
    :class:`~simulator.limits.WeightBudget` weight). ``refusal`` is the exchange's answer to a call that is not admitted, or
    that a fault refuses: then nothing is said to be used.
    """

    def __init__(self, budget: Callable[[], Budget], refusal: Callable[[Verdict], Response]) -> None:
        self._budget = budget
        self._refusal = refusal
        self._budgets: dict[str, Budget] = {}
        self._counts = {
            "calls": 0,
            "snapshots": 0,
            "weight": 0,
            "refused_429": 0,
            "banned_418": 0,
            "faults": 0,
        }

    def counts(self) -> dict[str, int]:
        """Calls, good snapshots, weight and refusals so far."""
        return dict(self._counts)

    def called(self) -> None:
        """Count a call, whatever becomes of it."""
        self._counts["calls"] += 1

    def charged(
        self, request: Request, answer: Callable[[Verdict], Response], *, weight: int = 1
    ) -> Response:
        """The answer, paid for by the caller's address; or the refusal, and the answer is not made."""
        budget = self._budgets.get(request.peer)
        if budget is None:
            budget = self._budgets[request.peer] = self._budget()
        verdict = budget.spend(weight, time.time())
        if verdict.status != 200:
            self._counts["banned_418" if verdict.status == 418 else "refused_429"] += 1
            return self._refusal(verdict)
        self._counts["weight"] += weight
        return answer(verdict)

    async def snapshot(
        self,
        request: Request,
        faults: RestFaults,
        answer: Callable[[Verdict], Response],
        *,
        stale: Callable[[bytes], bytes],
        empty: bytes,
        weight: int = 1,
    ) -> Response:
        """A book, or the fault that waits for this call: ``stale`` makes the body of a good one old, ``empty`` has no levels."""
        fault = faults.take() or RestFault()
        if fault != RestFault():
            self._counts["faults"] += 1
        if fault.status != 200:
            return self._refusal(Verdict(fault.status, 0, fault.retry_after_s))
        response = self.charged(request, answer, weight=weight)
        if response.status != 200:
            return response
        self._counts["snapshots"] += 1
        await asyncio.sleep(fault.delay_s)
        if fault.content == "stale":
            return Response(200, stale(response.body), response.headers)
        if fault.content == "empty":
            return Response(200, empty, response.headers)
        return response
