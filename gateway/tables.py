"""The tables of ClickHouse as lists of the API: their rows in the forms of :mod:`gateway.presenting`, made by ClickHouse itself.

Ten thousand rows are a page; made here, they would keep everybody else waiting. So ClickHouse writes each row as the JSON that is sent,
and of a page only the last row is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from bookmill.questions import Question, Selection
from gateway.errors import ApiError
from gateway.expressions import iso_sql
from gateway.forms import LATEST_US
from gateway.nearest import nearest
from gateway.paging import Count
from gateway.spans import Span
from schemas.catalogue import TABLE_TOPICS, Topic
from schemas.event_id import split
from schemas.fields import Field, fields

__all__ = ["TABLES", "Order", "Place", "Table", "table"]

Order = Literal["asc", "desc"]

_Text = Annotated[str, msgspec.Meta(max_length=300)]
_PLACE = (("receive_time", "Time"), ("source_offset", "UInt64"), ("source_index", "UInt32"), ("source_topic", "String"), ("source_partition", "UInt32"))  # fmt: skip
_NAMED = (("seen_time", "Time"), ("exchange", "String"), ("market", "String"), ("symbol", "String"))
_ENDS = {"Time": LATEST_US, "UInt64": 2**63, "UInt32": 2**32}


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended, and what it is a page of. ``key``: the values of the last row in the order of the list."""

    span: Span
    key: tuple[Count | _Text, ...]


@dataclass(frozen=True)
class Table:
    """One table; ``topic`` says what its columns are."""

    topic: Topic

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of its columns, without the parts of the event id."""
        return frozenset(each.name for each in fields(self.topic))

    @property
    def time(self) -> str:
        """The column by which its rows are ordered."""
        return self._order[0][0]

    @property
    def _order(self) -> Sequence[tuple[str, str]]:
        """Columns and types of what orders its rows: no two have all of them the same."""
        return _PLACE if self.topic.event_ids else _NAMED

    def page(
        self,
        span: Span,
        selection: Selection,
        *,
        limit: int,
        order: Order = "desc",
        after: Sequence[object] = (),
        where: Mapping[str, str] | None = None,
    ) -> Question:
        """Up to ``limit`` rows; ``after``: the key of the row before. ``where``: columns that have a certain value."""
        conditions = [selection.condition(), *span.conditions(self.time)]
        parameters = {**selection.parameters(), **span.parameters(), "limit": limit}
        for name, value in (where or {}).items():
            conditions.append(f"{name} = {{is_{name}:String}}")
            parameters[f"is_{name}"] = value
        if after:
            sign = "<" if order == "desc" else ">"
            names = ", ".join(name for name, _ in self._order)
            places = [_place_sql(number, kind) for number, (_, kind) in enumerate(self._order)]
            conditions.append(f"{self.time} {sign}= {places[0]}")  # the part that an index knows
            conditions.append(f"({names}) {sign} ({', '.join(places)})")
            parameters |= {f"after{number}": value for number, value in enumerate(after)}
        direction = order.upper()
        by = ", ".join(f"{name} {direction}" for name, _ in self._order)
        return Question(
            f"SELECT {self.selected} FROM {self.topic.name} WHERE {' AND '.join(conditions)}"  # noqa: S608  names of our own
            f" ORDER BY {by} LIMIT {{limit:UInt32}} SETTINGS prefer_column_name_to_alias = 1",
            parameters,
        )

    @cached_property
    def selected(self) -> str:
        """What is selected: a row in JSON."""
        key = (
            ["concat(exchange, '.', market, '.', symbol) AS instrument"] if "exchange" in self.columns else []
        )
        shown = [part for each in fields(self.topic) for part in _shown(each)]
        identity = [f"{_EVENT_ID} AS event_id"] if self.topic.event_ids else []
        return ", ".join([*key, *shown, *identity])

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Where a row stands."""
        if not self.topic.event_ids:
            return row["seen_time_us"], row["exchange"], row["market"], row["symbol"]
        topic, partition, offset, index = split(row["event_id"].encode())
        return row["receive_time_us"], offset, index, topic, partition

    def require_place(self, place: Place | None) -> Place | None:
        """Raises ``bad_cursor`` where the key is not one of this table."""
        if place is not None:
            kinds = [kind for _, kind in self._order]
            if len(place.key) != len(kinds) or not all(map(_is_of, place.key, kinds)):
                raise ApiError(400, "bad_cursor", "This is no cursor of this list.", field="cursor")
        return place

    def require_columns(self, selection: Selection) -> None:
        """Raises ``bad_request`` where rows are chosen by what they do not have."""
        named = {"exchange": selection.exchanges, "market": selection.markets, "symbol": selection.symbols}
        for name, values in named.items():
            if values and name not in self.columns:
                raise ApiError(
                    400,
                    "bad_request",
                    f"Rows of {self.topic.name} have no {name}.",
                    hint=f"They have {', '.join(sorted(self.columns))}.",
                    field=name,
                )


TABLES: Mapping[str, Table] = {topic.name: Table(topic) for topic in TABLE_TOPICS}
"""All of them, by name."""

_EVENT_ID = (
    "concat(source_topic, '/', toString(source_partition), '/', leftPad(toString(source_offset), 20, '0'),"
    " '/', leftPad(toString(source_index), 6, '0'))"
)


def table(name: str) -> Table:
    """The table of that name; raises ``unknown_table`` with the nearest."""
    found = TABLES.get(name)
    if found is None:
        known = nearest(name, TABLES) or f"There are {', '.join(sorted(TABLES))}."
        raise ApiError(404, "unknown_table", f"There is no table {name[:40]!r}.", hint=known, field="table")
    return found


def _shown(each: Field) -> Sequence[str]:
    if each.kind != "time":
        return (f"`{each.name}`",)
    return (
        f"{iso_sql(each.name)} AS {each.name}",
        f"toUnixTimestamp64Micro({each.name}) AS {each.name}_us",
    )


def _is_of(value: object, kind: str) -> bool:
    if kind == "String":
        return isinstance(value, str)
    return isinstance(value, int) and 0 <= value < _ENDS[kind]


def _place_sql(number: int, kind: str) -> str:
    if kind == "Time":
        return f"fromUnixTimestamp64Micro({{after{number}:Int64}})"
    return f"{{after{number}:{kind}}}"
