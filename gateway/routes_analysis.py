"""What stored data say of a market: the analyses of the room of that name, over a range of time (docs/analysis.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from analysis import reports
from analysis.profile import Width, profile
from analysis.question import NothingStoredError, Question
from bookmill.archive import Archive
from gateway.analysis_models import InstrumentsView, ProfileView, SpreadsView, VenuesView
from gateway.answers import Answer, answer, documented
from gateway.choosing import Chosen
from gateway.context import InContext
from gateway.errors import ApiError
from gateway.forms import moment
from gateway.routing import API

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/analysis", tags=["analysis"], responses=documented(400, 503))

_Report = Callable[[Archive, Question], Awaitable[reports.Report]]


async def _question(
    context: InContext,
    choice: Chosen,
    since: Annotated[
        str, Query(max_length=40, description="From when on.", examples=["24h", "2026-01-05T10:00:00Z"])
    ] = "1h",
    until: Annotated[
        str, Query(max_length=40, description="Until when (exclusive); now, where not given.")
    ] = "0s",
) -> Question:
    now_us = context.clock()
    since_us, until_us = moment(since, now_us, field="since"), moment(until, now_us, field="until")
    if since_us >= until_us:
        raise ApiError(400, "bad_range", "The range ends before it begins.", field="since")
    return Question(since_us, until_us, choice.exchanges, choice.markets, choice.symbols)


_Asked = Annotated[Question, Depends(_question)]


def _route(name: str, report: _Report, form: type[InstrumentsView | VenuesView]) -> None:
    async def analyse(context: InContext, question: _Asked) -> Response:
        return answer(await report(context.archive, question))

    router.get(f"/{name}", name=f"analysis_{name}", description=report.__doc__, response_model=Answer[form])(  # type: ignore[valid-type]
        analyse
    )


_route("summary", reports.summary, InstrumentsView)
_route("trading", reports.trading, InstrumentsView)
_route("spreads", reports.spreads, SpreadsView)
_route("venues", reports.venues, VenuesView)
_route("quality", reports.quality, InstrumentsView)


@router.get("/profile", response_model=Answer[ProfileView], responses=documented(404))
async def volume_profile(
    context: InContext,
    question: _Asked,
    step: Annotated[
        str | None, Query(max_length=60, description="Width of a bucket.", examples=["0.5"])
    ] = None,
    ticks: Annotated[int | None, Query(description="Width of a bucket in ticks.")] = None,
    buckets: Annotated[
        int | None, Query(description="At most so many buckets (50, where nothing is said).")
    ] = None,
) -> Response:
    """How much of one instrument was traded at which price, its point of control and its value area."""
    try:
        return answer(await profile(context.archive, question, Width(step, ticks, buckets)))
    except NothingStoredError as error:
        raise ApiError(404, "unknown_instrument", error.message, hint=error.hint) from error
