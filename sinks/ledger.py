"""The gaps of the ledger as they stand: what its events say, and what can be told of those that nobody closes.

A gap stays open in the table where the one who would have closed it has lost it with a checkpoint, and where missing trades do
not come however often they are asked for. Here the first is *superseded* as soon as the data show that it is over, the second
*given up*.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Ask", "Choice", "Gap", "GapState", "read_gaps", "rows"]

Ask = Callable[[str], bytes]
"""Sends a query to ClickHouse and returns the answer, one JSON object a line."""

GapState = Literal["open", "given up", "superseded", "closed"]
"""``given up``: open, and its trades are not asked for any more. ``superseded``: nobody said that it closed, and it is over."""

_NUMBERS = (
    "opened_micros",
    "closed_micros",
    "missed",
    "attempts",
    "told_micros",
    "stored_micros",
    "next_micros",
    "first_trade_id",
)


@dataclass(frozen=True)
class Choice:
    """Which part of the ledger. Empty texts: all. ``given_up_micros``: trades that are not there that long before have been asked for
    in vain."""

    since_micros: int
    exchange: str = ""
    symbol: str = ""
    only_open: bool = False
    given_up_micros: int = 0

    def where(self) -> str:
        """The condition on instruments."""
        wanted = {"exchange": self.exchange, "symbol": self.symbol}
        return " AND ".join([f"{name} = {_quoted(text)}" for name, text in wanted.items() if text] or ["1"])


@dataclass(frozen=True)
class Gap:
    """One gap as it stands; times in µs since the epoch. ``over_micros``: when it was over at the latest, None while it is open."""

    exchange: str
    market: str
    symbol: str
    stream: str
    cause: str
    gap: str
    expected: str | None
    seen: str | None
    opened_micros: int
    closed_micros: int | None
    missed: int | None
    attempts: int
    healed: str
    complete: bool
    state: GapState
    over_micros: int | None

    @property
    def instrument(self) -> str:
        """``exchange.market.symbol``."""
        return f"{self.exchange}.{self.market}.{self.symbol}"


def read_gaps(ask: Ask, choice: Choice) -> Sequence[Gap]:
    """Those that were not over before the chosen time, by when they opened."""
    found = [
        {**row, **{name: None if row[name] is None else int(row[name]) for name in _NUMBERS}}
        for row in rows(
            ask(
                "SELECT exchange, market, symbol, stream, cause, gap, expected, seen,"  # noqa: S608  quoted
                " toUnixTimestamp64Micro(opened_time) AS opened_micros,"
                " toUnixTimestamp64Micro(closed_time) AS closed_micros, missed, attempts, healed, complete,"
                " toUnixTimestamp64Micro(receive_time) AS told_micros, first_trade_id,"
                " toUnixTimestamp(inserted_time) * 1000000 AS stored_micros,"
                " toUnixTimestamp64Micro(next_time) AS next_micros"
                " FROM (SELECT *, any(toNullable(opened_time)) OVER (PARTITION BY exchange, market, symbol, stream, cause = 'time'"
                " ORDER BY opened_time, gap ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS next_time"
                f" FROM gaps_now WHERE {choice.where()})"
                f" WHERE closed_time IS NULL OR closed_time >= fromUnixTimestamp64Micro({choice.since_micros})"
                " ORDER BY opened_time, gap"
            )
        )
    ]
    open_ = [row for row in found if row["closed_micros"] is None]
    live = _first_after(ask, "book_snapshots", "state = 'live'", [row for row in open_ if _of_book(row)])
    going = _first_after(
        ask, "trades", "source = 'ws'", [row for row in open_ if _of_trades(row) and not _counted(row)]
    )
    gaps = [_gap(row, live.get(row["gap"]), going.get(row["gap"]), choice) for row in found]
    return [gap for gap in gaps if gap.over_micros is None or gap.over_micros >= choice.since_micros]


def rows(answer: bytes) -> list[dict[str, Any]]:
    """The rows of an answer."""
    return [json.loads(line) for line in answer.splitlines() if line.strip()]


def _gap(
    row: Mapping[str, Any], live: Mapping[str, int] | None, going: Mapping[str, int] | None, choice: Choice
) -> Gap:
    state: GapState = "open"
    over_micros: int | None = row["closed_micros"]
    if over_micros is not None:
        state = "closed"
    elif _of_trades(row):
        # Asked for since the end of the gap was known: with the next number, or the next trade where nothing counts.
        since = row if _counted(row) else going
        if since is not None and since["stored_micros"] < choice.given_up_micros:
            state = "given up"
    else:
        # Of each of these a stream has one at a time.
        signs = [row["next_micros"], None if live is None else live["told_micros"]]
        over_micros = min((sign for sign in signs if sign is not None), default=None)
        if over_micros is not None:
            state = "superseded"
    left = {name: value for name, value in row.items() if name in Gap.__dataclass_fields__}
    return Gap(**{**left, "complete": bool(row["complete"])}, state=state, over_micros=over_micros)


def _first_after(
    ask: Ask, table: str, condition: str, gaps: Collection[Mapping[str, Any]]
) -> dict[str, Mapping[str, int]]:
    """Of the rows that came after each gap had opened the first: when it was received and stored, by gap."""
    if not gaps:
        return {}
    names = {tuple(_quoted(row[name]) for name in ("exchange", "market", "symbol")) for row in gaps}
    instruments = ", ".join(f"({', '.join(name)})" for name in sorted(names))
    first_micros = min(row["told_micros"] for row in gaps)
    ids = ", ".join(_quoted(row["gap"]) for row in gaps)
    answer = ask(
        "SELECT gap, toUnixTimestamp64Micro(min(receive_time)) AS told_micros,"  # noqa: S608  quoted
        " toUnixTimestamp(min(inserted_time)) * 1000000 AS stored_micros"
        f" FROM {table} AS later INNER JOIN (SELECT exchange, market, symbol, gap, receive_time AS gap_time,"
        f" source_offset AS gap_offset FROM gaps_now WHERE gap IN ({ids})) AS lost USING (exchange, market, symbol)"
        f" WHERE {condition} AND (exchange, market, symbol) IN ({instruments})"
        f" AND receive_time > fromUnixTimestamp64Micro({first_micros}) AND receive_time > gap_time AND source_offset > gap_offset"
        " GROUP BY gap"
    )
    return {
        row["gap"]: {name: int(row[name]) for name in ("told_micros", "stored_micros")}
        for row in rows(answer)
    }


def _of_book(row: Mapping[str, Any]) -> bool:
    return (row["stream"], row["cause"] == "time") == ("book", False)


def _of_trades(row: Mapping[str, Any]) -> bool:
    return (row["stream"], row["cause"] == "time") == ("trades", False)


def _counted(row: Mapping[str, Any]) -> bool:
    return row["first_trade_id"] is not None


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
