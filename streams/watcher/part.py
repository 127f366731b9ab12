"""What a watcher says of itself: counters, lag, rules, and what became of webhooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from streams.output import BUFFER_MESSAGES
from streams.watcher.inputs import Input, JudgedInput, TopsInput
from streams.watcher.rules import RuleFollower
from streams.watcher.watch import INPUTS, Watch

__all__ = ["WatcherPart"]

_COUNTERS = {
    **{topic.name: f"Records of {topic.name} processed." for topic in INPUTS},
    "tops_written": "Tops of books that were written because they changed, or to say that they are still true.",
    "withdrawn": "Tops of which nothing was heard for too long.",
    "consolidated_events": "Events written to consolidated.",
    "alerts_raised": "Alerts written.",
    "unreadable": "Values that could not be read.",
    "checkpoints": "States of rules stored.",
    "checkpoints_refused": "Stored states of rules that were no use.",
}
_LATE_RECORDS = 100_000


class WatcherPart:
    """A watcher's :class:`bookmill.status.Part`. Reads plain ints from another thread.

    ``fetched`` says of how many partitions records have been fetched and wait.
    """

    name = "watcher"

    def __init__(self, watch: Watch, rules: RuleFollower, fetched: Callable[[], int]) -> None:
        self._watch = watch
        self._rules = rules
        self._fetched = fetched

    def health(self) -> dict[str, str]:
        """Far behind, events that Kafka does not take, or rules that cannot be followed."""
        problems = {}
        if problem := self._watch.output.problem:
            problems["kafka"] = problem
        lag = self._lag()
        if lag > _LATE_RECORDS:
            problems["lag"] = f"{lag} records behind"
        if self._rules.problem:
            problems["rules"] = self._rules.problem
        return problems

    def statistics(self) -> dict[str, Any]:
        """Counters, lag, buffers, rules and alerts; ``webhooks``: what became of the last ones."""
        watch = self._watch
        return {
            **{name: watch.tools.counts[name] for name in _COUNTERS},
            "moves": dict(self._moves()),
            "rules": len(watch.rules.all),
            "rules_on": sum(map(len, watch.rules.by_topic.values())),
            "rules_unreadable": self._rules.unreadable,
            "states": self._states(),
            "tops": self._tops(),
            "lag": self._lag(),
            "assigned": len(watch.assigned),
            "partitions": len(watch.owned),
            "output_waits": watch.output.waits,
            "webhook_results": dict(watch.posts.counts),
            "webhooks": list(watch.posts.recent),
            "buffers": buffer_statistics(self._buffers()),
        }

    def metrics(self) -> Iterable[Metric]:
        """The same for Prometheus."""
        watch = self._watch
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"bookmill_watcher_{name}", text, value=watch.tools.counts[name])
        for name, text, counts in (
            ("alert_moves", "What rules have found, alerts that a pause held back too.", self._moves()),
            ("webhooks", "What became of alerts for webhooks.", watch.posts.counts),
        ):
            family = CounterMetricFamily(f"bookmill_watcher_{name}", text, labels=["result"])
            for result, count in sorted(counts.items()):
                family.add_metric([result], count)
            yield family
        for name, text, value in (
            ("rules", "Rules of alerts.", len(watch.rules.all)),
            ("states", "Pairs of rule and instrument that are watched.", self._states()),
            ("tops", "Tops of books that are known.", self._tops()),
            ("lag_records", "Records not yet processed.", self._lag()),
            ("assigned_partitions", "Partitions this watcher reads.", len(watch.assigned)),
        ):
            yield GaugeMetricFamily(f"bookmill_watcher_{name}", text, value=value)
        yield from buffer_metrics(self._buffers())

    def _buffers(self) -> Iterable[Buffer]:
        watch = self._watch
        yield Buffer("fetched partitions", self._fetched(), len(watch.assigned))
        yield Buffer("output records", len(watch.output), BUFFER_MESSAGES)
        judged = [one.judge for one in self._owned() if isinstance(one, JudgedInput)]
        yield Buffer(
            "rule states",
            max((len(judge.states) for judge in judged), default=0),
            watch.settings.watcher.max_states,
            "refuse",
            sum(judge.counts["left_out"] for judge in judged),
        )
        yield watch.posts.buffer()

    def _moves(self) -> Counter[str]:
        judges = [one.judge for one in self._owned() if isinstance(one, JudgedInput)]
        judges += [one.judge for one in list(self._watch.silences.values())]
        return sum((judge.counts for judge in judges), Counter[str]())

    def _states(self) -> int:
        return sum(len(one.judge.states) for one in self._owned() if isinstance(one, JudgedInput))

    def _tops(self) -> int:
        return sum(len(one.consolidation) for one in self._owned() if isinstance(one, TopsInput))

    def _lag(self) -> int:
        return sum(one.lag for one in self._owned())

    def _owned(self) -> list[Input]:
        return list(self._watch.owned.values())
