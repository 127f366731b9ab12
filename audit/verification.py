"""``bookmill verify``, step by step: find what can be checked, make it again, wait for the sink, compare."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.comparison import Compared, compare
from audit.frame_counters import Hole, holes
from audit.rebuilding import Job, Rebuilt, columns
from audit.running import rebuild_all
from audit.scope import Scope, scope_of
from audit.scratch import Scratch
from audit.spans import Market, Span, find_spans
from audit.stored import Limit, SinkState, limits
from audit.trade_numbers import Untold, counting, untold
from bookmill.addresses import Addresses
from bookmill.errors import RefusedError
from bookmill.settings import Settings
from schemas.catalogue import EVENT_TOPICS, GAPS, TRADES, Topic
from sinks.client import Store, connect

__all__ = ["ANSWER_TIMEOUT_S", "Findings", "Made", "chosen_topics", "make_again", "require_tables", "verify"]

ANSWER_TIMEOUT_S = 3600
"""Sums over a day of rows take longer than an insert."""

_PATIENCE_S = 15.0
_LOOK_S = 0.25


@dataclass
class Findings:
    """What came of it. ``not_stored_yet``: events the sink has not said to be stored; ``lost_frames``: by connection;
    ``untold``: missing trades that the ledger does not name."""

    compared: list[Compared] = field(default_factory=list)
    lost_frames: list[Hole] = field(default_factory=list)
    untold: list[Untold] = field(default_factory=list)
    frames: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    refused: int = 0
    not_stored_yet: int = 0
    shortened: int = 0
    """Raw partitions that are not checked from their first record on: the log does not reach so far back, or nobody asked."""
    rebuilding_s: float = 0.0
    comparing_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        lost = any(not hole.told for hole in self.lost_frames)
        return not lost and not self.untold and all(one.good for one in self.compared)


@dataclass
class Made:
    """Spans made again into scratch tables, and the limits up to which the sink has stored their events, by topic."""

    spans: Sequence[Span]
    rebuilt: Sequence[Rebuilt]
    limits: dict[str, list[Limit]]
    seconds: float

    def scope(self, topic: Topic) -> Scope:
        """What can be compared of the topic's table."""
        spans = {(each.topic, each.partition): each for each in self.spans}
        books = {
            (each.span.topic, symbol): offset
            for each in self.rebuilt
            for symbol, offset in each.books.items()
        }
        trades = {
            (each.span.topic, symbol): offset
            for each in self.rebuilt
            for symbol, offset in each.trades.items()
        }
        return scope_of(topic.name, list(spans.values()), self.limits[topic.name], books=books, trades=trades)


def chosen_topics(settings: Settings) -> list[Topic]:
    """The event topics that the sink loads."""
    return [topic for topic in EVENT_TOPICS if topic.name in settings.sink.topics]


def require_tables(store: Store, database: str, topics: Sequence[Topic]) -> None:
    """Raises :class:`RefusedError` where one of the topics has no table."""
    there = {name for (name,) in store.rows(f"SELECT name FROM system.tables WHERE database = '{database}'")}
    missing = [topic.name for topic in topics if topic.name not in there]
    if missing:
        raise RefusedError(
            f"ClickHouse has no table {database}.{missing[0]}.",
            hint="A sink makes its tables when it first starts; clickhouse.database says where.",
        )


def make_again(
    settings: Settings,
    addresses: Addresses,
    scratch: Scratch,
    topics: Sequence[Topic],
    *,
    markets: Sequence[Market],
    since_ms: int | None,
    processes: int,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> Made:
    """Rebuild the markets into the scratch tables, then find out how far the sink has come; it is given some time to.

    ``begin`` is told how many records there are, ``progress`` how many were read since it was told before.
    """
    spans = find_spans(settings, addresses, markets, since_ms)
    names, partitions = [topic.name for topic in topics], [span.partition for span in spans]
    state = SinkState(settings, addresses)
    try:
        ends = {place: each.end for place, each in state.ask(names, partitions).items()}
        begin(sum(span.records for span in spans))
        started_s = time.perf_counter()
        jobs = [Job(settings, addresses, span, scratch.names) for span in spans if span.records]
        rebuilt = rebuild_all(jobs, processes=processes, progress=progress)
        seconds = time.perf_counter() - started_s
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            now = state.ask(names, partitions)
            if all(now[place].progress.offset >= end for place, end in ends.items()):
                break
            if time.monotonic() > deadline_s:
                break
            time.sleep(_LOOK_S)
    finally:
        state.close()
    return Made(spans, rebuilt, {name: limits(name, spans, ends, now) for name in names}, seconds)


def verify(
    settings: Settings,
    addresses: Addresses,
    *,
    markets: Sequence[Market],
    since_ms: int | None,
    processes: int,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> Findings:
    """Hold ClickHouse against the raw topics of the markets. Raises a :class:`BookmillError` when that cannot be done."""
    database, topics = settings.clickhouse.database, chosen_topics(settings)
    store = Store(
        connect(settings.clickhouse, addresses.clickhouse, answer_timeout_s=ANSWER_TIMEOUT_S),
        addresses.clickhouse,
        database,
    )
    require_tables(store, database, topics)
    with Scratch(store, database, topics) as scratch:
        made = make_again(
            settings,
            addresses,
            scratch,
            topics,
            markets=markets,
            since_ms=since_ms,
            processes=processes,
            begin=begin,
            progress=progress,
        )
        found = _summed(made)
        started_s = time.perf_counter()
        for topic in topics:
            rebuilt, scope = f"{database}.{scratch.names[topic.name]}", made.scope(topic)
            found.compared += compare(
                store,
                table=topic.name,
                real=f"{database}.{topic.name}",
                rebuilt=rebuilt,
                columns=columns(topic),
                scope=scope,
            )
            [(behind,)] = store.rows(f"SELECT count() FROM {rebuilt} WHERE NOT {scope.reach}")
            found.not_stored_yet += behind
        if TRADES in topics and GAPS in topics:
            found.untold = untold(
                store,
                trades=f"{database}.{TRADES.name}",
                gaps=f"{database}.{GAPS.name}",
                scope=made.scope(TRADES),
                markets=counting(settings, markets),
            )
        found.comparing_s = time.perf_counter() - started_s
    return found


def _summed(made: Made) -> Findings:
    found = Findings(
        rebuilding_s=made.seconds, shortened=sum(span.records > 0 and not span.whole for span in made.spans)
    )
    counters = defaultdict(list)
    for each in made.rebuilt:
        found.frames.update(each.frames)
        found.dead_letters += each.dead_letters
        found.refused += each.refused
        counters[each.span.topic].append(each.counters)
    found.lost_frames = [hole for topic, some in counters.items() for hole in holes(topic, some)]
    return found
