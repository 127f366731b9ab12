"""Making the tables that are missing, the columns they have got since, and the views over them, from ``.sql`` files beside this module.

A file holds statements, each ended by a line ``--;``: the first makes the table as it once was, later ones bring it to what
it is now. All of them leave what is there already as it is, so each start runs all of them. Views that say something of a range
of time (docs/analysis.md) stand alone, one a file under ``views/``, and are made anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Protocol

from schemas.catalogue import Topic

__all__ = ["create_tables", "create_views", "statements"]

_END = "\n--;\n"
_VIEW = "CREATE OR REPLACE VIEW"


class _Store(Protocol):
    def command(self, statement: str) -> None: ...


def statements(table: str, database: str, *, name: str = "") -> list[str]:
    """The statements that make ``table`` and its views what they are now, in order; ``name`` makes another one like it, without views."""
    text = files("sinks").joinpath("tables", f"{table}.sql").read_text(encoding="utf-8")
    text = text.replace(f"{{database}}.{table}\n", f"{{database}}.{name or table}\n")
    parts = [part.strip() for part in text.replace("{database}", database).split(_END) if part.strip()]
    return [part for part in parts if not name or _VIEW not in part]


def create_tables(store: _Store, database: str, topics: Iterable[Topic]) -> None:
    """Make the database and each topic's table, and add the columns that an older table lacks."""
    store.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    for topic in topics:
        for statement in statements(topic.name, database):
            store.command(statement)


def create_views(store: _Store, database: str) -> None:
    """Make the views of analysis what they are now. A table that one of them reads may be missing: its queries then say so."""
    for file in sorted(files("sinks").joinpath("views").iterdir(), key=lambda file: file.name):
        store.command(file.read_text(encoding="utf-8").replace("{database}", database))
