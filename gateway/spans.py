"""The time a list is asked for: ``since`` and ``until``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Depends, Query
from pydantic import StringConstraints

from gateway.context import InContext
from gateway.errors import ApiError
from gateway.forms import LATEST_US, moment

__all__ = ["Moment", "Span", "Within"]

Moment = Annotated[int, msgspec.Meta(ge=0, lt=LATEST_US)]
"""Microseconds since the epoch, in a cursor."""

_Time = Annotated[str, StringConstraints(max_length=64)]


class Span(msgspec.Struct, frozen=True, array_like=True):
    """From ``since_us`` on, until just before ``until_us``; None: no such end."""

    since_us: Moment | None = None
    until_us: Moment | None = None

    def conditions(self, column: str) -> list[str]:
        """For a WHERE, on a column of times; with :meth:`parameters`."""
        return [
            *(
                [f"{column} >= fromUnixTimestamp64Micro({{since:Int64}})"]
                if self.since_us is not None
                else []
            ),
            *([f"{column} < fromUnixTimestamp64Micro({{until:Int64}})"] if self.until_us is not None else []),
        ]

    def parameters(self) -> dict[str, object]:
        """Those of :meth:`conditions`."""
        named = {"since": self.since_us, "until": self.until_us}
        return {name: value for name, value in named.items() if value is not None}

    def has(self, micros: int) -> bool:
        """Whether a moment lies in it."""
        return (self.since_us is None or micros >= self.since_us) and (
            self.until_us is None or micros < self.until_us
        )


async def _span(
    context: InContext,
    since: Annotated[
        _Time | None,
        Query(
            description="From then on: ISO 8601, microseconds since the epoch, or a duration back from now.",
            examples=["15m"],
        ),
    ] = None,
    until: Annotated[
        _Time | None, Query(description="Until just before then.", examples=["2026-01-05T10:00:00Z"])
    ] = None,
) -> Span:
    now_us = context.clock()
    since_us = None if not since else moment(since, now_us, field="since")
    until_us = None if not until else moment(until, now_us, field="until")
    if since_us is not None and until_us is not None and since_us >= until_us:
        raise ApiError(400, "bad_range", "'since' has to be before 'until'.", field="since")
    return Span(since_us, until_us)


Within = Annotated[Span, Depends(_span)]
"""For routes: ``span: Within``."""
