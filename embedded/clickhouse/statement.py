"""What has to be known of a statement to run it: does it give rows, in which format, where does inline data begin.

ClickHouse's own parser runs the statement; here only its edges are looked at, and what is not recognized takes the general way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["InsertHead", "first_word", "gives_rows", "insert_head", "output_format"]

_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_NAME = r"(?:`[^`]+`|\"[^\"]+\"|\w+)"
_VALUE = r"(?:'(?:[^'\\]|\\.)*'|[\w.+-]+)"
_SETTINGS = rf"SETTINGS\s+\w+\s*=\s*{_VALUE}(?:\s*,\s*\w+\s*=\s*{_VALUE})*"
_INSERT = re.compile(
    (
        rf"(?P<statement>{_BLANK}INSERT\s+INTO\s+(?:TABLE\s+)?{_NAME}(?:\.{_NAME})?\s*(?:\([^()]*\))?\s*(?:{_SETTINGS})?)"
        r"\s*\bFORMAT\s+(?P<format>\w+)(?:[ \t\f;]*\r?\n|[ \t\f;]+|$)"
    ).encode(),
    re.IGNORECASE | re.DOTALL,
)
_FIRST_WORD = re.compile(rf"{_BLANK}([(]|\w+)", re.DOTALL)
_FORMAT = re.compile(rf"\bFORMAT\s+(\w+)\s*(?:{_SETTINGS})?[\s;]*$", re.IGNORECASE)
_GIVE_ROWS = frozenset(
    ("(", "CHECK", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN", "FROM", "KILL", "SELECT", "SHOW", "WITH")
)


@dataclass(frozen=True)
class InsertHead:
    """``INSERT INTO … FORMAT <format>`` cut before ``FORMAT``; the data begins at byte ``data_offset``."""

    statement: str
    format: str
    data_offset: int


def insert_head(text: bytes) -> InsertHead | None:
    """The head of an insert whose data follows in ``text``; None when it is another statement (or not sure to be one)."""
    found = _INSERT.match(text)
    if found is None or found["format"].upper() == b"VALUES":
        return None
    return InsertHead(found["statement"].decode(), found["format"].decode(), found.end())


def first_word(statement: str) -> str:
    """The statement's first word in capitals, comments left out."""
    found = _FIRST_WORD.match(statement)
    return found[1].upper() if found else ""


def gives_rows(statement: str) -> bool:
    """Whether the statement reads (and has an output format)."""
    return first_word(statement) in _GIVE_ROWS


def output_format(statement: str, default: str) -> str:
    """The format of the result: as the statement says at its end, else ``default``."""
    found = _FORMAT.search(statement[-1000:])
    return found[1] if found else default
