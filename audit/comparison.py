"""Holds a table against what was rebuilt of it: by sums first, row by row only where those differ. All of it inside ClickHouse.

A row's sum is a hash of all its columns, event id included. Rows of one instrument and some thousand raw offsets are summed together:
equal counts and sums mean equal rows, each as often. Where they differ, each event id is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from audit.scope import Scope

__all__ = ["Compared", "compare"]

_BUCKET = 10_000
_ID = "source_topic, source_partition, source_offset, source_index"
_INSTRUMENT = "exchange, market, symbol"


class _Store(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


@dataclass
class Compared:
    """What one table has of one instrument.

    ``expected`` rows were rebuilt, ``stored`` rows are there. ``missing``: rebuilt and not there; ``double``: there more than
    once; ``different``: there with other values; ``extra``: there, and the raw log gives no such event. ``example`` is the first
    event id that is wrong. ``not_comparable``: stored rows that could only be made of what came before the raw log's begin.
    """

    table: str
    instrument: str
    expected: int = 0
    stored: int = 0
    missing: int = 0
    double: int = 0
    different: int = 0
    extra: int = 0
    not_comparable: int = 0
    example: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.double or self.different or self.extra)


def compare(
    store: _Store, *, table: str, real: str, rebuilt: str, columns: Sequence[str], scope: Scope
) -> list[Compared]:
    """By instrument. ``real`` and ``rebuilt`` are full table names, ``columns`` what is compared."""
    found: dict[str, Compared] = {}

    def of(exchange: str, market: str, symbol: str) -> Compared:
        name = f"{exchange}.{market}.{symbol}"
        return found.setdefault(name, Compared(table, name))

    differs = False
    for *instrument, expected, stored, buckets in store.rows(_sums(real, rebuilt, columns, scope)):
        one = of(*instrument)
        one.expected, one.stored = expected, stored
        differs |= buckets > 0
    if differs:
        for *instrument, missing, double, different, extra, example in store.rows(
            _row_by_row(real, rebuilt, columns, scope)
        ):
            one = of(*instrument)
            one.missing, one.double, one.different, one.extra = missing, double, different, extra
            one.example = example
    if scope.cold != "0":
        for *instrument, count in store.rows(
            f"SELECT {_INSTRUMENT}, count() FROM {real} WHERE {scope.reach} AND {scope.cold} GROUP BY {_INSTRUMENT}"
        ):
            of(*instrument).not_comparable = count
    return [found[name] for name in sorted(found)]


def _rows(real: str, rebuilt: str, columns: Sequence[str], condition: str) -> str:
    # A tuple is hashed with its nulls; of separate arguments one that is null would make the hash null.
    def side(table: str, stored: int) -> Iterator[str]:
        yield f"SELECT toUInt8({stored}) AS stored, {_INSTRUMENT}, {_ID}, sipHash64(tuple({', '.join(columns)})) AS row_sum"
        yield f"FROM {table} WHERE {condition}"

    return f"({' '.join(side(rebuilt, 0))} UNION ALL {' '.join(side(real, 1))})"


def _buckets(rows: str, *, by: str) -> str:
    """Rows of a bucket summed; ``wrong`` where the two sides differ."""
    return (
        f"SELECT {by}, intDiv(source_offset, {_BUCKET}) AS bucket, countIf(stored = 0) AS expected, countIf(stored = 1) AS there,"
        f" expected != there OR sumIf(row_sum, stored = 0) != sumIf(row_sum, stored = 1) AS wrong FROM {rows} GROUP BY {by}, bucket"
    )


def _sums(real: str, rebuilt: str, columns: Sequence[str], scope: Scope) -> str:
    rows = _rows(real, rebuilt, columns, scope.compared)
    return (
        f"SELECT {_INSTRUMENT}, sum(expected), sum(there), countIf(wrong)"
        f" FROM ({_buckets(rows, by=f'{_INSTRUMENT}, source_topic, source_partition')}) GROUP BY {_INSTRUMENT}"
    )


def _row_by_row(real: str, rebuilt: str, columns: Sequence[str], scope: Scope) -> str:
    # Buckets of a source partition, whatever instrument its rows name: a row under another's name is one wrong row, not two.
    every = _rows(real, rebuilt, columns, scope.compared)
    wrong = f"SELECT source_topic, source_partition, bucket FROM ({_buckets(every, by='source_topic, source_partition')}) WHERE wrong"
    rows = _rows(
        real,
        rebuilt,
        columns,
        f"{scope.compared} AND (source_topic, source_partition, intDiv(source_offset, {_BUCKET})) IN ({wrong})",
    )
    names = ", ".join(f"argMin({name}, stored) AS of_{name}" for name in _INSTRUMENT.split(", "))
    by_id = (
        f"SELECT {_ID}, {names}, countIf(stored = 0) AS expected, countIf(stored = 1) AS there, uniqExact(row_sum) AS sums"
        f" FROM {rows} GROUP BY {_ID}"
    )
    identity = (
        "concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'),"
        " '/', leftPad(toString(source_index), 6, '0'))"
    )
    return (
        "SELECT of_exchange, of_market, of_symbol, countIf(there = 0) AS missing,"
        " sumIf(there - 1, there > 1) AS double, countIf(expected > 0 AND there > 0 AND sums > 1) AS different,"
        f" countIf(expected = 0) AS extra, minIf({identity}, there = 0 OR there > 1 OR sums > 1 OR expected = 0)"
        f" FROM ({by_id}) GROUP BY of_exchange, of_market, of_symbol"
        " HAVING missing OR double OR different OR extra"
    )
