"""What a worker says of itself: counters, lag, buffers, and each instrument's book."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bookmill.book import Top
from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from schemas.catalogue import BOOK_UPDATES, EVENT_TOPICS
from schemas.codec import SCALE
from schemas.measures import measure
from streams.instrument import Instrument
from streams.mill import Mill
from streams.output import BUFFER_MESSAGES
from streams.synchronizer import Phase

__all__ = ["WorkerPart"]

_COUNTERS = {
    "frames": "Raw records processed.",
    **{topic.name: f"Events written to {topic.name}." for topic in (*EVENT_TOPICS, BOOK_UPDATES)},
    "dead_letters": "Raw records that could not be read.",
    "silent": "Frames without a message for this version.",
    "repeated": "Records passed over because this worker had processed them before.",
    "covered": "Book frames passed over because a checkpoint contains them.",
    "checkpoints": "Book checkpoints stored.",
    "restored": "Books restored from checkpoints.",
    "checkpoints_refused": "Books whose checkpoint was no use: they are resynchronized.",
}
_BOOK_COUNTERS = (
    "gaps",
    "joins",
    "restarts",
    "overflows",
    "old",
    "ignored_images",
    "replacements",
    "checksum_failures",
    "losses",
)
_LATE_RECORDS = 1_000_000
_NO_TOP: Top = (None, None, None, None)


class WorkerPart:
    """A worker's :class:`bookmill.status.Part`. Reads the mill's plain ints from another thread.

    ``fetched`` says of how many partitions records have been fetched and wait.
    """

    name = "worker"

    def __init__(self, mill: Mill, fetched: Callable[[], int]) -> None:
        self._mill = mill
        self._fetched = fetched

    def health(self) -> dict[str, str]:
        """Behind by more than a million records, events that Kafka does not take, or books that wait for a snapshot."""
        problems = {}
        if problem := self._mill.output.problem:
            problems["kafka"] = problem
        lag = self._lag()
        if lag > _LATE_RECORDS:
            problems["lag"] = f"{lag} raw records behind"
        waiting = [one.key.decode() for one in self._instruments() if one.book.synchronizer.needs_image]
        if waiting:
            problems["books"] = f"waiting for a snapshot: {', '.join(sorted(waiting))}"
        return problems

    def statistics(self) -> dict[str, Any]:
        """Counters (``gaps``: holes in the numbers of books), the ledger, lag, buffers and per instrument state, best bid and ask, spread, bps, age of the last frame."""
        mill = self._mill
        books = [one.book.synchronizer.counters for one in self._instruments()]
        return {
            **{name: mill.counts[name] for name in _COUNTERS},
            **{name: sum(getattr(book, name) for book in books) for name in _BOOK_COUNTERS},
            "gap_events": mill.counts["gaps"],
            "open_gaps": sum(len(one.gaps.open) for one in self._instruments()),
            "gaps_opened": dict(self._opened()),
            "backfills": mill.backfills.sent,
            "repeated_trades": sum(one.trades.repeated for one in self._instruments()),
            "overlapping_changes": sum(one.overlap.passed for one in self._instruments()),
            "changes_ahead": sum(len(one.overlap.ahead) for one in self._instruments()),
            "repeated_best": sum(one.overlap.repeated for one in self._instruments()),
            "requests": mill.requests.sent,
            "lag": self._lag(),
            "assigned": mill.assigned,
            "partitions": len(mill.owned),
            "output_buffer": len(mill.output),
            "output_waits": mill.output.waits,
            "pending_diffs": sum(one.book.synchronizer.pending for one in self._instruments()),
            "buffers": buffer_statistics(self._buffers()),
            "instruments": {one.key.decode(): _describe(one) for one in self._instruments()},
        }

    def metrics(self) -> Iterable[Metric]:
        """The same for Prometheus."""
        mill = self._mill
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"bookmill_worker_{name}", text, value=mill.counts[name])
        for name in _BOOK_COUNTERS:
            family = CounterMetricFamily(f"bookmill_book_{name}", f"Books: {name}.", labels=["instrument"])
            for one in self._instruments():
                family.add_metric([one.key.decode()], getattr(one.book.synchronizer.counters, name))
            yield family
        opened = CounterMetricFamily("bookmill_worker_gaps_opened", "Gaps by their cause.", labels=["cause"])
        for cause, count in sorted(self._opened().items()):
            opened.add_metric([cause], count)
        yield opened
        yield GaugeMetricFamily(
            "bookmill_worker_open_gaps",
            "Gaps that are open.",
            value=sum(len(one.gaps.open) for one in self._instruments()),
        )
        live = GaugeMetricFamily(
            "bookmill_book_live", "1 while the book can be trusted.", labels=["instrument"]
        )
        for one in self._instruments():
            live.add_metric([one.key.decode()], one.state == "live")
        yield live
        lag = GaugeMetricFamily(
            "bookmill_worker_lag_records", "Raw records not yet processed.", labels=["topic", "partition"]
        )
        for tp, owned in list(mill.owned.items()):
            lag.add_metric([tp.topic, str(tp.partition)], owned.lag)
        yield lag
        yield GaugeMetricFamily(
            "bookmill_worker_assigned_partitions", "Partitions this worker reads.", value=mill.assigned
        )
        yield GaugeMetricFamily(
            "bookmill_worker_output_buffer_records", "Records on the way to Kafka.", value=len(mill.output)
        )
        yield CounterMetricFamily(
            "bookmill_worker_output_waits",
            "Times a full buffer made the worker wait.",
            value=mill.output.waits,
        )
        yield from buffer_metrics(self._buffers())
        for name, text, value in (
            (
                "overlapping_changes",
                "Changes of books passed over because another connection is followed, or had brought them.",
                sum(one.overlap.passed for one in self._instruments()),
            ),
            (
                "repeated_trades",
                "Trades passed over because they had come before.",
                sum(one.trades.repeated for one in self._instruments()),
            ),
            (
                "repeated_best",
                "Best bids and asks and liquidations passed over because another connection had brought them.",
                sum(one.overlap.repeated for one in self._instruments()),
            ),
        ):
            yield CounterMetricFamily(f"bookmill_worker_{name}", text, value=value)
        yield CounterMetricFamily(
            "bookmill_worker_requests", "Snapshots asked for.", value=mill.requests.sent
        )
        yield CounterMetricFamily(
            "bookmill_worker_backfills", "Requests for missing trades.", value=mill.backfills.sent
        )

    def _opened(self) -> Counter[str]:
        """Gaps opened since the partitions were, by cause."""
        return sum((one.gaps.opened for one in self._instruments()), Counter[str]())

    def _buffers(self) -> Iterable[Buffer]:
        """In the way of a record; of the books that wait for an image, the fullest."""
        mill = self._mill
        yield Buffer("fetched partitions", self._fetched(), mill.assigned)
        books = [one.book.synchronizer for one in self._instruments()]
        most = mill.settings.pending_diffs
        yield Buffer(
            "pending diffs",
            max((each.pending for each in books), default=0),
            most,
            "forget",
            most * sum(each.counters.overflows for each in books),
        )
        yield Buffer("output records", len(mill.output), BUFFER_MESSAGES)

    def _lag(self) -> int:
        return sum(owned.lag for owned in list(self._mill.owned.values()))

    def _instruments(self) -> list[Instrument]:
        return [
            one for owned in list(self._mill.owned.values()) for one in list(owned.raw.instruments.values())
        ]


def _describe(instrument: Instrument) -> dict[str, Any]:
    # Not of the book itself, which the worker's thread may be in the middle of changing.
    bid, bid_quantity, ask, ask_quantity = instrument.emitter.top_in_base(instrument.book.last_top or _NO_TOP)
    _, spread, bps = measure(bid, ask)
    live = instrument.book.synchronizer.phase is Phase.LIVE
    now_micros = time.time_ns() // 1000
    return {
        "state": instrument.state,
        "reason": instrument.book.synchronizer.reason,
        "bid": _text(bid if live else None),
        "bid_quantity": _text(bid_quantity if live else None),
        "ask": _text(ask if live else None),
        "ask_quantity": _text(ask_quantity if live else None),
        "spread": _text(spread if live else None),
        "spread_bps": _text(bps if live else None, digits=4),
        "age_s": round((now_micros - instrument.last_receive_micros) / 1e6, 3)
        if instrument.last_receive_micros
        else None,
        "trades": instrument.trades.count,
    }


def _text(scaled: int | None, *, digits: int | None = None) -> str | None:
    if scaled is None:
        return None
    number = Decimal(scaled).scaleb(-SCALE)
    return f"{number:.{digits}f}" if digits is not None else f"{number.normalize():f}"
