"""The ledger's report for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rich.table import Table

from bookmill.completeness import Report
from bookmill.gap_ledger import Gap

__all__ = ["as_json", "tables"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_json(report: Report) -> str:
    """One JSON object."""
    return json.dumps(
        {
            "gaps": [asdict(gap) for gap in report.gaps],
            "instruments": [asdict(one) for one in report.instruments],
        }
    )


def tables(report: Report) -> Iterator[Table]:
    """The gaps, then how complete each instrument is."""
    yield _gap_table(report.gaps)
    table = Table("instrument", title="completeness", title_justify="left")
    for name in ("gaps", "book live", "trades", "missing", "trades complete"):
        table.add_column(name, justify="right")
    for one in report.instruments:
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


def _percent(share: str | None) -> str:
    return "" if share is None else f"{share} %"
