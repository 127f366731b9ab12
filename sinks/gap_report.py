"""What the ledger says of a time: its gaps, and how complete each instrument is.

Exact: times are whole microseconds, shares are rounded down, so that 100 % is all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from rich.table import Table

from sinks.ledger import Ask, Choice, Gap, read_gaps, rows

__all__ = ["Completeness", "Report"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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

    @classmethod
    def read(cls, ask: Ask, choice: Choice) -> Report:
        """Ask ClickHouse."""
        since = f"fromUnixTimestamp64Micro({choice.since_micros})"
        gaps = read_gaps(ask, choice)
        books = _by_instrument(
            ask(
                "SELECT exchange, market, symbol, toUnixTimestamp64Micro(min(receive_time)) AS first,"  # noqa: S608
                " toUnixTimestamp64Micro(max(receive_time)) AS last FROM book_snapshots"
                f" WHERE {choice.where()} AND receive_time >= {since} GROUP BY exchange, market, symbol"
            )
        )
        trades = _by_instrument(
            ask(
                "SELECT exchange, market, symbol, count() AS stored FROM trades"  # noqa: S608
                f" WHERE {choice.where()} AND receive_time >= {since} GROUP BY exchange, market, symbol"
            )
        )
        names = sorted({*books, *trades, *(gap.instrument for gap in gaps)})
        instruments = [
            _completeness(
                name, [gap for gap in gaps if gap.instrument == name], books.get(name), trades.get(name)
            )
            for name in names
        ]
        shown = [gap for gap in gaps if gap.state in ("open", "given up")] if choice.only_open else gaps
        return cls(shown, instruments)

    def as_json(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "gaps": [asdict(gap) for gap in self.gaps],
                "instruments": [asdict(one) for one in self.instruments],
            }
        )

    def tables(self) -> Iterator[Table]:
        """For a terminal."""
        yield _gap_table(self.gaps)
        table = Table("instrument", title="completeness", title_justify="left")
        for name in ("gaps", "book live", "trades", "missing", "trades complete"):
            table.add_column(name, justify="right")
        for one in self.instruments:
            table.add_row(
                one.instrument,
                str(one.gaps),
                _percent(one.book_percent),
                f"{one.trades:,}",
                f"{one.missing:,}",
                _percent(one.trades_percent),
            )
        yield table


def _gap_table(gaps: Sequence[Gap]) -> Table:
    table = Table("opened (UTC)", "instrument", "stream", "cause", title="gaps", title_justify="left")
    table.add_column("duration", justify="right")
    table.add_column("missed", justify="right")
    table.add_column("healed")
    table.add_column("complete")
    for gap in gaps:
        over = gap.over_micros
        lasted = "" if over is None else f"{Decimal(over - gap.opened_micros) / 1_000_000:.3f} s"
        table.add_row(
            f"{_EPOCH + timedelta(microseconds=gap.opened_micros):%Y-%m-%d %H:%M:%S}",
            gap.instrument,
            gap.stream,
            gap.cause,
            f"at most {lasted}" if gap.state == "superseded" else lasted or gap.state,
            "" if gap.missed is None else f"{gap.missed:,}",
            {"closed": gap.healed, "superseded": "superseded"}.get(gap.state, ""),
            "" if gap.state == "open" else "yes" if gap.complete else "no",
        )
    return table


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


def _percent(share: str | None) -> str:
    return "" if share is None else f"{share} %"


def _by_instrument(answer: bytes) -> dict[str, Mapping[str, Any]]:
    return {f"{row['exchange']}.{row['market']}.{row['symbol']}": row for row in rows(answer)}
