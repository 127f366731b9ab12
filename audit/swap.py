"""Puts a rebuilt table in the place of the old one while a sink goes on storing into it: no row is lost, none is there twice.

What the raw log gives comes from it; all else (older than the log, of other installations, not stored for certain yet) comes from
the old table. A batch of the sink knows only the token of the table it began with, so rows that are not committed are not copied
before the swap, when their batch could be repeated into the new table, but after it, when that batch is over::

    copy        rows outside the scope that the sink has committed
    exchange    what the sink begins from now on goes into the new table
    wait        for the batches that had begun: their rows are in the old table, or, repeated, in the new one
    copy        rows of the old table whose event id the new one does not have
    drop        the old one
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from audit.scope import Scope, below
from audit.stored import Standing
from bookmill.errors import UnavailableError

__all__ = ["Swapped", "swap"]

_ID = "source_topic, source_partition, source_offset, source_index"
_PATIENCE_S = 60.0
_LOOK_S = 0.2
_START_ONE = "A sink that was killed leaves such a batch: start one, which finishes it, then run this again."
_AS_IT_IS = (
    "SETTINGS insert_deduplicate = 0"  # equal rows are equal rows: a copied block is not one sent twice
)

Ask = Callable[[], Mapping[tuple[str, int], Standing]]
"""Where the sink stands in the partitions of the table's topic."""


class _Store(Protocol):
    def command(self, statement: str) -> None: ...
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class Swapped:
    """Rows of the new table: ``rebuilt`` from the raw log, ``kept`` from the old one, which had ``before`` of the rebuilt range."""

    table: str
    rebuilt: int
    kept: int
    before: int


def swap(
    store: _Store,
    *,
    database: str,
    table: str,
    made: str,
    scope: Scope,
    ask: Ask,
) -> Swapped:
    """``made``, a scratch table, holds what was rebuilt.

    Raises :class:`UnavailableError` where a batch of the sink does not come to its end: before the exchange nothing has happened,
    after it the old table stays, as ``<table>_before_<run>``.
    """
    old, new = f"{database}.{table}", f"{database}.{made}"
    compared, committed = f"({scope.compared})", _committed(ask())
    _await(ask, _begun(ask()), f"The sink has begun a batch of {table} and does not end it.", _START_ONE)
    if _count(store, new, f"NOT {compared}"):
        store.command(f"ALTER TABLE {new} DELETE WHERE NOT {compared} SETTINGS mutations_sync = 2")
    rebuilt, before = _count(store, new, "1"), _count(store, old, compared)
    columns = ", ".join(_common_columns(store, database, table, made))
    store.command(
        f"INSERT INTO {new} ({columns}) {_AS_IT_IS} SELECT {columns} FROM {old} WHERE NOT {compared} AND {committed}"
    )
    # Whoever is killed from here on leaves a table that no later run takes for scratch.
    before_name = f"{table}_before_{made.partition('_')[2].removesuffix(f'_{table}')}"
    store.command(f"RENAME TABLE {new} TO {database}.{before_name}")
    new = f"{database}.{before_name}"
    store.command(f"EXCHANGE TABLES {old} AND {new}")
    old, new = new, old
    _await(
        ask,
        _begun(ask()),
        f"{table} is rebuilt, but a sink that had begun a batch does not end it: rows of it may be in {before_name} alone.",
        f"Start a sink, then run this again and drop {before_name}.",
    )
    rest = f"NOT {compared} AND NOT {committed}"
    store.command(
        f"INSERT INTO {new} ({columns}) {_AS_IT_IS} SELECT {columns} FROM {old} WHERE {rest}"
        f" AND ({_ID}) NOT IN (SELECT {_ID} FROM {new} WHERE {rest})"
    )
    kept = _count(store, old, f"NOT {compared}")
    store.command(f"DROP TABLE {old} SYNC")
    return Swapped(table, rebuilt, kept, before)


def _committed(standings: Mapping[tuple[str, int], Standing]) -> str:
    """Rows of batches that are over."""
    conditions = [
        below(topic, partition, limit)
        for standing in standings.values()
        for (topic, partition), limit in standing.marks.items()
    ]
    return f"({' OR '.join(conditions) or '0'})"


def _begun(standings: Mapping[tuple[str, int], Standing]) -> dict[tuple[str, int], int]:
    """Batches on their way, by where they end."""
    return {place: each.progress.last for place, each in standings.items() if each.progress.last is not None}


def _await(ask: Ask, begun: Mapping[tuple[str, int], int], problem: str, hint: str) -> None:
    """Until these batches are over."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        now = ask()
        if all(now[place].progress.offset > last for place, last in begun.items()):
            return
        if time.monotonic() > deadline_s:
            raise UnavailableError(problem, hint=hint)
        time.sleep(_LOOK_S)


def _count(store: _Store, table: str, condition: str) -> int:
    return int(store.rows(f"SELECT count() FROM {table} WHERE {condition}")[0][0])


def _common_columns(store: _Store, database: str, table: str, made: str) -> Sequence[str]:
    """What both store: the old table may lack columns of today's, or have more of somebody's own."""
    stored: list[list[str]] = [
        [
            name
            for (name,) in store.rows(
                f"SELECT name FROM system.columns WHERE database = '{database}' AND table = '{each}'"
                " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position"
            )
        ]
        for each in (made, table)
    ]
    return [name for name in stored[0] if name in stored[1]]
