"""Asking one of the views (sinks/views/*.sql), and its rows in the form in which they leave the house."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analysis.question import Question, micros
from bookmill.archive import Archive
from bookmill.times import iso

__all__ = ["Row", "read"]

Row = dict[str, Any]
"""Decimals are texts; times stand twice, ``first_time`` in ISO 8601 and ``first_time_us``."""


async def read(
    archive: Archive,
    view: str,
    question: Question,
    *,
    order: str,
    arguments: Mapping[str, str] = {},
    condition: str = "1",
) -> list[Row]:
    """The rows of ``view(since, until, …)`` that are asked for. ``arguments``: what the view takes beside the range, as texts.

    ``view``, ``order``, ``condition`` and the names in ``arguments`` are our own words; everything else is bound by ClickHouse.
    Raises what :meth:`Archive.rows` raises.
    """
    values = {"since": iso(question.since_us), "until": iso(question.until_us), **arguments}
    taken = ", ".join(f"{name} = {{{name}:String}}" for name in values)
    wanted = [condition, *(f"{column} IN {{{column}s:Array(String)}}" for column in question.filters)]
    names = {f"{column}s": names for column, names in question.filters.items()}
    rows = await archive.rows(
        f"SELECT * FROM {view}({taken}) WHERE {' AND '.join(wanted)} ORDER BY {order}"  # noqa: S608  our own words
        " SETTINGS date_time_output_format = 'iso'",
        {**values, **names},
    )
    return [_row(row) for row in rows]


def _row(row: Mapping[str, Any]) -> Row:
    named = [row[name] for name in ("exchange", "market", "symbol") if name in row]
    found: Row = {"instrument": ".".join(named)} if len(named) == 3 else {}
    for name, value in row.items():
        if name.endswith("_time"):
            time_us = None if value is None else micros(datetime.fromisoformat(value))
            found[name] = None if time_us is None else iso(time_us)
            found[f"{name}_us"] = time_us
        else:
            found[name] = value
    return found
