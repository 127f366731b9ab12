"""Answers: ``{"data": …}``, of lists with ``next``, written once and fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

__all__ = ["Answer", "ErrorAnswer", "ListAnswer", "answer", "documented", "list_answer", "listed"]

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


class Answer(BaseModel, Generic[_T]):
    """One thing."""

    data: _T


class ListAnswer(BaseModel, Generic[_T]):
    """Several things."""

    data: list[_T]
    next: str | None = Field(
        None, description="Give it back as `?cursor=` for what comes after; null at the end."
    )


class _Error(BaseModel):
    status: int
    code: str = Field(description="What programs tell errors apart by.")
    message: str
    hint: str | None = None
    field: str | None = Field(None, description="The part of the request that is wrong.")


class ErrorAnswer(BaseModel):
    """Any error."""

    error: _Error


def answer(data: Any, status: int = 200) -> Response:
    """One thing, as JSON."""
    return Response(_encode({"data": data}), status, media_type="application/json")


def list_answer(data: Any, cursor: str | None = None) -> Response:
    """Several things; ``cursor`` for those that come after."""
    return Response(_encode({"data": data, "next": cursor}), media_type="application/json")


def listed(items: Iterable[bytes], cursor: str | None = None) -> Response:
    """The same of items that are JSON already."""
    whole = b'{"data":[%s],"next":%s}' % (b",".join(items), _encode(cursor))
    return Response(whole, media_type="application/json")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the documentation says of a route's errors: one form for all."""
    return {status: {"model": ErrorAnswer} for status in statuses}
