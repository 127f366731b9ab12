"""``bookmill rebuild``, step by step: make the events again, then put each table in the place of the old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from audit.scratch import Scratch
from audit.spans import Market
from audit.stored import SinkState
from audit.swap import Swapped, swap
from audit.verification import ANSWER_TIMEOUT_S, make_again, require_tables
from bookmill.addresses import Addresses
from bookmill.errors import ConfigurationError
from bookmill.settings import Settings
from schemas.catalogue import EVENT_TOPICS, TABLE_TOPICS, Topic
from sinks.client import Store, connect

__all__ = ["rebuild", "topics_of"]


def topics_of(names: Sequence[str]) -> list[Topic]:
    """The tables that are named, all where none is; raises :class:`ConfigurationError` for one that cannot be rebuilt."""
    known = {topic.name: topic for topic in EVENT_TOPICS}
    for name in names:
        if name in {topic.name for topic in TABLE_TOPICS} - known.keys():
            raise ConfigurationError(
                f"{name} is not made of raw records: there is nothing to rebuild it from."
            )
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            nearest = f"Did you mean {close[0]!r}? " if close else ""
            raise ConfigurationError(
                f"There is no table '{name}'.", hint=f"{nearest}Known: {', '.join(known)}."
            )
    return [known[name] for name in dict.fromkeys(names)] or list(EVENT_TOPICS)


def rebuild(
    settings: Settings,
    addresses: Addresses,
    topics: Sequence[Topic],
    *,
    markets: Sequence[Market],
    processes: int,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> Iterator[Swapped]:
    """Rebuild the tables of ``topics`` from the raw topics of the markets; one after the other is put in its place.

    Raises a :class:`BookmillError` when that cannot be done; tables already told are done.
    """
    database = settings.clickhouse.database
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
            since_ms=None,
            processes=processes,
            begin=begin,
            progress=progress,
        )
        state = SinkState(settings, addresses)
        try:
            for topic in topics:
                yield swap(
                    store,
                    database=database,
                    table=topic.name,
                    made=scratch.names[topic.name],
                    scope=made.scope(topic),
                    ask=lambda name=topic.name: state.ask([name], range(settings.kafka.partitions)),  # type: ignore[misc]
                )
        finally:
            state.close()
