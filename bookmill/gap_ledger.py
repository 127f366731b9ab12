"""The gaps of the ledger as they stand: what its events say, and what can be told of those that nobody closes.

A gap stays open in the table where the one who would have closed it has lost it with a checkpoint, and where missing trades do
not come however often they are asked for. Here the first is *superseded* as soon as the data show that it is over, the second
*given up*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bookmill.questions import Question, Questions, Rows, Selection

__all__ = ["Choice", "Gap", "GapState", "Page", "given_up_micros", "read_gaps", "read_page"]

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
_KEPT_S = 366 * 86_400
"""Longer than rows are kept."""
_LOST_BOOK = "stream = 'book' AND cause != 'time'"
_LOST_TRADES = "stream = 'trades' AND cause != 'time' AND first_trade_id IS NULL"
"""Of those whose trades nothing counts."""


@dataclass(frozen=True)
class Choice:
    """Which part of the ledger. ``given_up_micros``: trades that are not there that long before have been asked for in vain."""

    since_micros: int
    selection: Selection = field(default_factory=Selection)
    streams: tuple[str, ...] = ()
    only_open: bool = False
    given_up_micros: int = 0

    def condition(self) -> str:
        """On the columns of ``gaps_now``; with :meth:`parameters`."""
        streams = " AND stream IN {streams:Array(String)}" if self.streams else ""
        return self.selection.condition() + streams

    def parameters(self) -> dict[str, object]:
        """Those of :meth:`condition`."""
        return {**self.selection.parameters(), **({"streams": self.streams} if self.streams else {})}


@dataclass(frozen=True)
class Page:
    """Part of the chosen gaps, newest first: ``limit`` of those that opened before (``before_micros``, ``before_gap``)."""

    limit: int
    before_micros: int | None = None
    before_gap: str = ""


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

    @property
    def missing(self) -> bool:
        """Whether something is still not there, and may never be."""
        return self.state in {"open", "given up"}


def given_up_micros(patience_s: float, now_micros: int) -> int:
    """For :class:`Choice`: when the trades that are not asked for any more were missed at the latest."""
    return max(0, now_micros - int(min(patience_s, _KEPT_S) * 1_000_000))


def read_gaps(choice: Choice) -> Questions[Sequence[Gap]]:
    """Those that were not over before the chosen time, by when they opened; open ones and others."""
    found = yield _ledger(choice, "ORDER BY opened_time, gap")
    gaps = yield from _judged(found, choice)
    return [gap for gap in gaps if _reaches(gap, choice)]


def read_page(choice: Choice, page: Page) -> Questions[Sequence[Gap]]:
    """A page of them, only the open ones where that is chosen; fewer than ``limit`` where there are no more."""
    gaps: list[Gap] = []
    before = page.before_micros, page.before_gap
    while True:
        limit = page.limit - len(gaps)
        order = f"ORDER BY opened_time DESC, gap DESC LIMIT {limit:d}"
        found = yield _ledger(choice, order, before, only_open=choice.only_open)
        judged = yield from _judged(found, choice)
        gaps += [gap for gap in judged if _reaches(gap, choice) and (gap.missing or not choice.only_open)]
        if len(found) < limit or len(gaps) == page.limit:
            return gaps
        before = int(found[-1]["opened_micros"]), found[-1]["gap"]


def _ledger(
    choice: Choice, order: str, before: tuple[int | None, str] = (None, ""), *, only_open: bool = False
) -> Question:
    limits = ["(closed_time IS NULL OR closed_time >= fromUnixTimestamp64Micro({since:Int64}))"]
    parameters: dict[str, object] = {**choice.parameters(), "since": choice.since_micros}
    if only_open:
        limits.append("closed_time IS NULL")
    if before[0] is not None:
        limits.append("(opened_time, gap) < (fromUnixTimestamp64Micro({before:Int64}), {before_gap:String})")
        parameters |= {"before": before[0], "before_gap": before[1]}
    return Question(
        "SELECT exchange, market, symbol, stream, cause, gap, expected, seen,"  # noqa: S608  names of our own
        " toUnixTimestamp64Micro(opened_time) AS opened_micros,"
        " toUnixTimestamp64Micro(closed_time) AS closed_micros, missed, attempts, healed, complete,"
        " toUnixTimestamp64Micro(receive_time) AS told_micros, first_trade_id,"
        " toUnixTimestamp(inserted_time) * 1000000 AS stored_micros,"
        " toUnixTimestamp64Micro(next_time) AS next_micros"
        " FROM (SELECT *, any(toNullable(opened_time)) OVER (PARTITION BY exchange, market, symbol, stream, cause = 'time'"
        " ORDER BY opened_time, gap ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS next_time"
        f" FROM gaps_now WHERE {choice.condition()}) WHERE {' AND '.join(limits)} {order}",
        parameters,
    )


def _judged(found: Rows, choice: Choice) -> Questions[list[Gap]]:
    """What became of each, where nobody has said that it closed too."""
    rows = [
        {**row, **{name: None if row[name] is None else int(row[name]) for name in _NUMBERS}} for row in found
    ]
    open_ = [row for row in rows if row["closed_micros"] is None]
    live = yield from _first_after(
        "book_snapshots", "state = 'live'", _LOST_BOOK, [row for row in open_ if _of_book(row)], choice
    )
    going = yield from _first_after(
        "trades",
        "source = 'ws'",
        _LOST_TRADES,
        [row for row in open_ if _of_trades(row) and not _counted(row)],
        choice,
    )
    return [_gap(row, live.get(row["gap"]), going.get(row["gap"]), choice) for row in rows]


def _reaches(gap: Gap, choice: Choice) -> bool:
    return gap.over_micros is None or gap.over_micros >= choice.since_micros


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
    table: str, condition: str, lost: str, gaps: Sequence[Mapping[str, Any]], choice: Choice
) -> Questions[dict[str, Mapping[str, int]]]:
    """Of the rows that came after each of these gaps had opened the first: when it was received and stored, by gap."""
    if not gaps:
        return {}
    which = (
        f"FROM gaps_now WHERE closed_time IS NULL AND {lost} AND {choice.condition()}"
        " AND receive_time >= fromUnixTimestamp64Micro({first:Int64})"
        " AND receive_time <= fromUnixTimestamp64Micro({last:Int64})"
    )
    told_micros = [row["told_micros"] for row in gaps]
    answer = yield Question(
        "SELECT gap, toUnixTimestamp64Micro(min(receive_time)) AS told_micros,"  # noqa: S608  names of our own
        " toUnixTimestamp(min(inserted_time)) * 1000000 AS stored_micros"
        f" FROM {table} AS later INNER JOIN (SELECT exchange, market, symbol, gap, receive_time AS gap_time,"
        f" source_offset AS gap_offset {which}) AS lost USING (exchange, market, symbol)"
        f" WHERE {condition} AND (exchange, market, symbol) IN (SELECT exchange, market, symbol {which})"
        " AND receive_time > fromUnixTimestamp64Micro({first:Int64})"
        " AND receive_time > gap_time AND source_offset > gap_offset GROUP BY gap",
        {**choice.parameters(), "first": min(told_micros), "last": max(told_micros)},
    )
    return {row["gap"]: {name: int(row[name]) for name in ("told_micros", "stored_micros")} for row in answer}


def _of_book(row: Mapping[str, Any]) -> bool:
    return (row["stream"], row["cause"] == "time") == ("book", False)


def _of_trades(row: Mapping[str, Any]) -> bool:
    return (row["stream"], row["cause"] == "time") == ("trades", False)


def _counted(row: Mapping[str, Any]) -> bool:
    return row["first_trade_id"] is not None
