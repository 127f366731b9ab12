"""Making the tables that are missing, from the ``.sql`` files beside this module."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from schemas.catalogue import Topic
from sinks.client import Store

__all__ = ["create_tables", "statement"]


def statement(table: str, database: str) -> str:
    """The statement that makes ``table`` unless it is there."""
    text = files("sinks").joinpath("tables", f"{table}.sql").read_text(encoding="utf-8")
    return text.replace("{database}", database)


def create_tables(store: Store, database: str, topics: Iterable[Topic]) -> None:
    """Make the database and each topic's table; what is there already stays as it is."""
    store.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    for topic in topics:
        store.command(statement(topic.name, database))
