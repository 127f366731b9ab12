"""Queries of which one follows from another's answer, as a generator: who asks ClickHouse, and whether it waits for the answer or
goes on with something else meanwhile, is not its business.

::

    def how_many(table: str) -> Questions[int]:
        [row] = yield Question(f"SELECT count() AS rows FROM {table} WHERE symbol = {{symbol:String}}", {"symbol": "BTC-USDT"})
        return row["rows"]
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

__all__ = ["Question", "Questions", "Rows", "Selection", "answered", "answered_later"]

T = TypeVar("T")

Rows: TypeAlias = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """One query. ``parameters`` stand in it as ``{name:Type}`` and are bound by ClickHouse."""

    text: str
    parameters: Mapping[str, object] = field(default_factory=dict)


Questions: TypeAlias = Generator[Question, Rows, T]
"""Yields each question, is sent the rows of its answer, and returns what they make together."""


@dataclass(frozen=True)
class Selection:
    """Instruments by exchange, market and symbol; where none is named, all."""

    exchanges: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def condition(self) -> str:
        """For a WHERE, over the columns ``exchange``, ``market`` and ``symbol``; with :meth:`parameters`."""
        named = {"exchange": self.exchanges, "market": self.markets, "symbol": self.symbols}
        return (
            " AND ".join(f"{name} IN {{{name}s:Array(String)}}" for name, values in named.items() if values)
            or "1"
        )

    def parameters(self) -> dict[str, object]:
        """Those of :meth:`condition`."""
        named = {"exchanges": self.exchanges, "markets": self.markets, "symbols": self.symbols}
        return {name: values for name, values in named.items() if values}


def answered(questions: Questions[T], ask: Callable[[Question], Rows]) -> T:
    """Ask one after the other and wait for each answer."""
    rows: Rows | None = None
    try:
        while True:
            rows = ask(next(questions) if rows is None else questions.send(rows))
    except StopIteration as done:
        result: T = done.value
        return result


async def answered_later(questions: Questions[T], ask: Callable[[Question], Awaitable[Rows]]) -> T:
    """The same in an event loop."""
    rows: Rows | None = None
    try:
        while True:
            rows = await ask(next(questions) if rows is None else questions.send(rows))
    except StopIteration as done:
        result: T = done.value
        return result
