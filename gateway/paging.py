"""Lists page by page: a cursor says after which row the next page begins, so that rows which come meanwhile move nothing.

A cursor holds the place of the last row (the columns by which the list is ordered, of which no two rows have the same) and the times
between which the list was asked for, so that ``since=15m`` means the same on every page. It belongs to one list with one choice of
rows, and is checked against them and for its form. It is not signed: it says nothing that could not be asked for otherwise,
and so it is good after a restart and at any other gateway.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec
from fastapi import Depends, Query, Request
from pydantic import StringConstraints

from gateway.context import InContext
from gateway.errors import ApiError

__all__ = ["Count", "Cursor", "Limit", "Pages", "Paging"]

T = TypeVar("T")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number in a cursor."""

_USUAL = 500
_MARK = 8
_LONGEST = 1000
_NO_PART = frozenset({"cursor", "limit"})


class Pages:
    """One page of a list. ``limit``: most rows of it; ``cursor``: after which row it begins, as :meth:`place` reads it."""

    def __init__(self, limit: int, cursor: str, query: bytes) -> None:
        self.limit = limit
        self._cursor = cursor
        self._query = query

    def place(self, form: type[T]) -> T | None:
        """Where the page before ended; None on the first one. Raises ``bad_cursor`` for what is no cursor of this list."""
        if not self._cursor:
            return None
        try:
            whole = base64.b64decode(self._cursor + "=" * (-len(self._cursor) % 4), b"-_", validate=True)
            body = whole[_MARK:]
            if whole[:_MARK] == self._mark(body):
                return msgspec.msgpack.decode(body, type=form)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            pass
        raise ApiError(
            400,
            "bad_cursor",
            "This is no cursor of this list.",
            hint="Give back what stood under 'next' with all else as it was, or leave it out to begin anew.",
            field="cursor",
        )

    def cursor(self, place: object) -> str:
        """For the page after ``place``."""
        body = msgspec.msgpack.encode(place)
        return base64.urlsafe_b64encode(self._mark(body) + body).rstrip(b"=").decode()

    def _mark(self, body: bytes) -> bytes:
        return blake2b(body, digest_size=_MARK, key=blake2b(self._query, digest_size=32).digest()).digest()


Limit = Annotated[
    int, Query(ge=1, description="Most items of one answer; `gateway.max_rows` is the most there can be.")
]
Cursor = Annotated[
    str,
    StringConstraints(max_length=_LONGEST),
    Query(description="What stood under `next`, for what comes after."),
]


async def _pages(request: Request, context: InContext, limit: Limit = _USUAL, cursor: Cursor = "") -> Pages:
    most = context.settings.gateway.max_rows
    if limit > most:
        raise ApiError(
            400,
            "bad_range",
            f"At most {most} items come at once.",
            hint="'next' leads to the ones after.",
            field="limit",
        )
    asked = sorted(
        (name, value) for name, value in request.query_params.multi_items() if name not in _NO_PART
    )
    return Pages(limit, cursor, repr((request.url.path, asked)).encode("utf-8", "surrogatepass"))


Paging = Annotated[Pages, Depends(_pages)]
"""For routes: ``pages: Paging``."""
