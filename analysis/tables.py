"""The reports as tables for a terminal: rounded for the eye, where the JSON is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from rich.table import Table

from analysis.reports import Report

__all__ = ["tables"]

_EXACT = Context(prec=120)  # more digits than any number of ClickHouse has
_Columns = Sequence[tuple[str, str, Callable[[Any], str]]]
"""Title, field, and how it is shown."""


def tables(name: str, report: Report) -> Iterator[Table]:
    """Those of the report of that name (summary, trading, profile, spreads, venues, quality)."""
    title = f"{report['since'][:19].replace('T', ' ')} to {report['until'][:19].replace('T', ' ')} UTC"
    if name == "profile":
        yield _profile(report, title)
        return
    for heading, key, columns in _TABLES[name]:
        yield _table(f"{heading}, {title}", columns, report[key])


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _count(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def _digits(digits: int) -> Callable[[Any], str]:
    """So many digits after the point, thousands grouped."""
    unit = Decimal(1).scaleb(-digits)

    def show(value: Any) -> str:
        if value is None:
            return ""
        return f"{_EXACT.quantize(Decimal(str(value)), unit).__format__(f',.{digits}f')}"

    return show


def _significant(value: Any) -> str:
    """Eight significant digits, or all before the point: for averages and sums whose size nobody knows beforehand."""
    if value is None:
        return ""
    exact = Decimal(value)
    digits = max(0, 7 - exact.adjusted()) if exact else 0
    text = f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, _EXACT):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(value: Any) -> str:
    """A share of 1 in percent."""
    return "" if value is None else f"{100 * value:.4g} %"


def _milliseconds(value: Any) -> str:
    return "" if value is None else f"{Decimal(value) / 1000:,.1f}"


def _table(title: str, columns: _Columns, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading, _, show in columns:
        table.add_column(heading, justify="left" if show is _plain else "right")
    for row in rows:
        table.add_row(*(show(row[field]) for _, field, show in columns))
    return table


def _profile(report: Report, title: str) -> Table:
    """The buckets, highest price first, with a bar each."""
    area = report["value_area"]
    table = Table(
        title=f"{report['instrument']}, {title}: value area {area['low_price']} to {area['high_price']}, VWAP"
        f" {_significant(report['vwap'])}",
        title_justify="left",
    )
    for heading in ("from", "to", "volume", "bought", "sold", "trades"):
        table.add_column(heading, justify="right")
    table.add_column("")
    most = max(Decimal(row["volume"]) for row in report["buckets"])
    for row in reversed(report["buckets"]):
        bar = "█" * int(Decimal(row["volume"]) * _BAR / most) if most else ""
        mark = " POC" if row["poc"] else ""
        table.add_row(
            row["low_price"],
            row["high_price"],
            *(_significant(row[field]) for field in ("volume", "buy_volume", "sell_volume")),
            _count(row["trades"]),
            f"{bar}{mark}",
            style="bold" if row["poc"] else None if row["value_area"] else "dim",
        )
    return table


_BAR = 40
_TWO, _THREE, _FOUR = _digits(2), _digits(3), _digits(4)
_TABLES: Mapping[str, Sequence[tuple[str, str, _Columns]]] = {
    "summary": [
        (
            "markets",
            "instruments",
            [
                ("instrument", "instrument", _plain),
                ("last", "last_price", _significant),
                ("change", "change", _significant),
                ("%", "change_percent", _TWO),
                ("high", "high_price", _significant),
                ("low", "low_price", _significant),
                ("volume", "volume", _significant),
                ("quote volume", "quote_volume", _significant),
                ("trades", "trades", _count),
                ("VWAP", "vwap", _significant),
                ("spread", "spread", _significant),
                ("bps", "spread_bps", _FOUR),
            ],
        )
    ],
    "trading": [
        (
            "trading",
            "instruments",
            [
                ("instrument", "instrument", _plain),
                ("trades", "trades", _count),
                ("VWAP", "vwap", _significant),
                ("bought", "buy_volume", _significant),
                ("sold", "sell_volume", _significant),
                ("trade imbalance", "trade_imbalance", _THREE),
                ("order flow", "order_flow", _significant),
                ("book imbalance", "book_imbalance", _THREE),
                ("volatility", "volatility", _percent),
                ("a year", "volatility_annualised", _percent),
            ],
        ),
        (
            "sizes of trades (base units)",
            "instruments",
            [
                ("instrument", "instrument", _plain),
                ("least", "min_size", _significant),
                ("mean", "mean_size", _significant),
                ("median", "size_p50", _significant),
                ("90 %", "size_p90", _significant),
                ("95 %", "size_p95", _significant),
                ("99 %", "size_p99", _significant),
                ("greatest", "max_size", _significant),
            ],
        ),
    ],
    "spreads": [
        (
            "spreads (basis points, weighted by time)",
            "instruments",
            [
                ("instrument", "instrument", _plain),
                ("origin", "origin", _plain),
                ("tops", "tops", _count),
                ("live s", "live_s", _TWO),
                ("mean", "mean_bps", _FOUR),
                ("least", "min_bps", _FOUR),
                ("5 %", "p5_bps", _FOUR),
                ("25 %", "p25_bps", _FOUR),
                ("median", "p50_bps", _FOUR),
                ("75 %", "p75_bps", _FOUR),
                ("95 %", "p95_bps", _FOUR),
                ("99 %", "p99_bps", _FOUR),
                ("greatest", "max_bps", _FOUR),
            ],
        ),
        (
            "by hour of the day (UTC)",
            "hours",
            [
                ("instrument", "instrument", _plain),
                ("origin", "origin", _plain),
                ("hour", "hour", _count),
                ("live s", "live_s", _TWO),
                ("mean", "mean_bps", _FOUR),
                ("median", "p50_bps", _FOUR),
                ("greatest", "max_bps", _FOUR),
            ],
        ),
    ],
    "venues": [
        (
            "venues of one symbol",
            "venues",
            [
                ("symbol", "symbol", _plain),
                ("exchange", "exchange", _plain),
                ("market", "market", _plain),
                ("seconds", "seconds", _count),
                ("mid to mean, bps", "mid_difference_bps", _FOUR),
                ("best bid %", "best_bid_percent", _TWO),
                ("best ask %", "best_ask_percent", _TWO),
                ("spread, bps", "spread_bps", _FOUR),
                ("latency ms, median", "latency_p50_us", _milliseconds),
                ("99 %", "latency_p99_us", _milliseconds),
            ],
        ),
        (
            "each two of them (mid to mid, basis points)",
            "differences",
            [
                ("instrument", "instrument", _plain),
                ("exchange", "other_exchange", _plain),
                ("market", "other_market", _plain),
                ("seconds", "seconds", _count),
                ("mean", "mean_bps", _FOUR),
                ("least", "min_bps", _FOUR),
                ("greatest", "max_bps", _FOUR),
                ("crossed %", "crossed_percent", _TWO),
                ("correlation", "correlation", _THREE),
            ],
        ),
    ],
    "quality": [
        (
            "quality of the data",
            "instruments",
            [
                ("instrument", "instrument", _plain),
                ("trades", "trades", _count),
                ("missing", "missing", _count),
                ("complete %", "trades_percent", _FOUR),
                ("backfilled", "backfilled", _count),
                ("twice", "duplicates", _count),
                ("out of order", "out_of_order", _count),
                ("book live %", "book_live_percent", _FOUR),
                ("stale s", "stale_s", _TWO),
                ("gaps", "gaps", _count),
                ("open", "open_gaps", _count),
                ("trades ms, median", "trades_latency_p50_us", _milliseconds),
                ("99 %", "trades_latency_p99_us", _milliseconds),
                ("book ms, median", "book_latency_p50_us", _milliseconds),
                ("99 %", "book_latency_p99_us", _milliseconds),
            ],
        )
    ],
}
