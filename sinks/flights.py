"""Batches on their way into ClickHouse: written side by side, of one partition one at a time."""

from __future__ import annotations

from collections.abc import Callable, Container
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

import structlog

from sinks.assignment import Assignment
from sinks.batch import Batch
from sinks.counters import Counters
from sinks.partition import Partition
from sinks.writer import Failed, Outcome, Refused, Stored, Writer

__all__ = ["Flights"]

_log = structlog.get_logger(__name__)


class Flights:
    """Gives batches to ``writer``, which runs in ``executor``, and tells their partitions what became of them.

    ``delay_s`` says how long a batch waits after so many failures in a row. The methods are for one thread at a time.
    """

    def __init__(
        self,
        writer: Writer,
        executor: Executor,
        *,
        clock: Callable[[], float],
        delay_s: Callable[[int], float],
        counters: Counters,
    ) -> None:
        self._writer = writer
        self._executor = executor
        self._clock = clock
        self._delay_s = delay_s
        self._counters = counters
        self._flights: dict[Future[Outcome], tuple[Partition, Batch]] = {}

    def __len__(self) -> int:
        """Batches whose end has not been settled."""
        return len(self._flights)

    def begin(self, partition: Partition, now_s: float) -> None:
        """Have its batch written, if it may be now."""
        if (batch := partition.ready(now_s)) is not None:
            partition.in_flight = True
            self._flights[self._executor.submit(self._writer.write, batch)] = (partition, batch)

    def wait(self, timeout_s: float, *, of: Container[Partition] | None = None) -> None:
        """Wait until the batches of some partitions, or all, are written or could not be."""
        wait([flight for flight, (each, _) in self._flights.items() if of is None or each in of], timeout_s)

    def wait_for_one(self, timeout_s: float) -> None:
        """Wait until any one of all is."""
        wait(self._flights, timeout_s, FIRST_COMPLETED)

    def settle(self, ours: Assignment) -> BaseException | None:
        """Tell the partitions that are still ``ours`` what has become of their batches. Returns what ended a writer, if anything."""
        fatal: BaseException | None = None
        for flight in [flight for flight in self._flights if flight.done()]:
            partition, batch = self._flights.pop(flight)
            partition.in_flight = False
            error = flight.exception()
            if error is not None:
                fatal = error
            elif partition in ours:
                self._take_over(partition, batch, flight.result())
            # else it belongs to another sink by now, which repeats the batch
        return fatal

    def _take_over(self, partition: Partition, batch: Batch, outcome: Outcome) -> None:
        match outcome:
            case Stored():
                partition.stored(batch, outcome)
                self._counters.stored(outcome)
            case Refused():
                _log.warning(
                    "batch is halved",
                    topic=batch.topic,
                    partition=batch.partition,
                    first=batch.first,
                    last=batch.last,
                    reason=outcome.reason,
                )
                partition.halve(batch, outcome.middle)
                self._counters.halved += 1
            case Failed():
                self._failed(partition, outcome)

    def _failed(self, partition: Partition, outcome: Failed) -> None:
        pause_s = self._delay_s(partition.failures + 1)
        partition.failed(outcome.side, outcome.reason, self._clock() + pause_s)
        self._counters.retries += 1
        _log.warning(
            "batch is tried again",
            topic=partition.topic,
            partition=partition.number,
            attempt=partition.failures,
            pause_s=round(pause_s, 2),
            reason=outcome.reason,
        )
