"""How many requests are answered, with what, and how quickly: plain ints while serving, Prometheus when asked."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Measured", "Requests"]

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Requests:
    """Counts of all requests so far."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self._within = [0] * (len(_BOUNDS_S) + 1)
        self._seconds = 0.0

    def note(self, status: int, seconds: float) -> None:
        """One more."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self._within[bisect_left(_BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def metrics(self) -> Iterable[Metric]:
        """For Prometheus."""
        answers = CounterMetricFamily("bookmill_gateway_requests", "Requests answered.", labels=["status"])
        for status, count in sorted(self.by_status.items()):
            answers.add_metric([str(status)], count)
        yield answers
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip([*map(str, _BOUNDS_S), "+Inf"], self._within):
            total += count
            buckets.append((bound, total))
        yield HistogramMetricFamily(
            "bookmill_gateway_request_seconds",
            "Time from request to the end of its answer.",
            buckets=buckets,
            sum_value=self._seconds,
        )


class Measured:
    """Counts each request that goes through."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._requests.note(status, time.perf_counter() - began_s)
