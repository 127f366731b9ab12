"""What the ledger says of a time: its gaps, and how complete each instrument is.

Exact: times are whole microseconds, shares are rounded down, so that 100 % is all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from bookmill.gap_ledger import Choice, Gap, read_gaps
from bookmill.questions import Question, Questions, Rows

__all__ = ["Completeness", "Report", "read_report"]

_DIGITS = Decimal("0.0001")


@dataclass(frozen=True)
class Completeness:
    """Of one instrument. ``book_percent``: time its book was live, None where it has no book; ``trades_percent``: trades stored of
    those there were, as far as anything counts them, None where there were none."""

    instrument: str
    gaps: int
    book_percent: str | None
    trades: int
    missing: int
    trades_percent: str | None


@dataclass(frozen=True)
class Report:
    """``gaps`` by when they opened; ``instruments`` by name."""

    gaps: Sequence[Gap]
    instruments: Sequence[Completeness]


def read_report(choice: Choice) -> Questions[Report]:
    """Completeness counts all gaps; those told are only the open ones where that is chosen."""
    gaps = yield from read_gaps(choice)
    books = yield _stored(
        "book_snapshots",
        "toUnixTimestamp64Micro(min(receive_time)) AS first, toUnixTimestamp64Micro(max(receive_time)) AS last",
        choice,
    )
    trades = yield _stored("trades", "count() AS stored", choice)
    return Report(
        [gap for gap in gaps if gap.missing] if choice.only_open else gaps,
        _instruments(gaps, _by_instrument(books), _by_instrument(trades)),
    )


def _stored(table: str, what: str, choice: Choice) -> Question:
    return Question(
        f"SELECT exchange, market, symbol, {what} FROM {table} WHERE {choice.selection.condition()}"  # noqa: S608  names of our own
        " AND receive_time >= fromUnixTimestamp64Micro({since:Int64}) GROUP BY exchange, market, symbol",
        {**choice.selection.parameters(), "since": choice.since_micros},
    )


def _instruments(
    gaps: Sequence[Gap], books: Mapping[str, Mapping[str, Any]], trades: Mapping[str, Mapping[str, Any]]
) -> list[Completeness]:
    own: defaultdict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        own[gap.instrument].append(gap)
    return [
        _completeness(name, own[name], books.get(name), trades.get(name))
        for name in sorted({*books, *trades, *own})
    ]


def _completeness(
    name: str, gaps: Sequence[Gap], book: Mapping[str, Any] | None, trades: Mapping[str, Any] | None
) -> Completeness:
    stored = int(trades["stored"]) if trades else 0
    missing = sum(gap.missed or 0 for gap in gaps if gap.stream == "trades")
    return Completeness(
        name,
        len(gaps),
        None if book is None else _live(gaps, int(book["first"]), int(book["last"])),
        stored,
        missing,
        _share(stored, stored + missing) if stored + missing else None,
    )


def _live(gaps: Sequence[Gap], first_micros: int, last_micros: int) -> str:
    """The part of the time from the first book to the last, or to the end of what is lost, in which the book was live."""
    lost = [gap for gap in gaps if gap.stream == "book" and gap.cause != "time"]
    first_micros = min([first_micros, *(gap.opened_micros for gap in lost)])
    last_micros = max([last_micros, *(gap.over_micros or 0 for gap in lost)])
    all_micros = max(1, last_micros - first_micros)
    dead_micros = sum(
        max(0, min(gap.over_micros or last_micros, last_micros) - gap.opened_micros) for gap in lost
    )
    return _share(all_micros - dead_micros, all_micros)


def _share(part: int, whole: int) -> str:
    return str((Decimal(100 * part) / whole).quantize(_DIGITS, ROUND_DOWN))


def _by_instrument(found: Rows) -> dict[str, Mapping[str, Any]]:
    return {f"{row['exchange']}.{row['market']}.{row['symbol']}": row for row in found}
