"""What the data lack, and how complete they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import StringConstraints

from bookmill.completeness import read_report
from bookmill.gap_ledger import Choice, Gap, Page, given_up_micros, read_page
from bookmill.questions import Question, Rows, Selection, answered, answered_later
from bookmill.times import iso
from gateway import choosing
from gateway.answers import ListAnswer, documented, list_answer
from gateway.choosing import Chosen
from gateway.context import Context, InContext
from gateway.forms import moment
from gateway.history_models import CompletenessView, GapView
from gateway.paging import Paging
from gateway.routing import API
from gateway.spans import Moment

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["quality"], responses=documented(400, 503))


class _Place(msgspec.Struct, frozen=True, array_like=True):
    since_us: Moment
    opened_us: Moment
    gap: Annotated[str, msgspec.Meta(max_length=400)]


_Since = Annotated[
    str,
    StringConstraints(max_length=64),
    Query(
        description="Those that were not over before: ISO 8601, microseconds, or a duration back from now."
    ),
]


@router.get("/gaps", response_model=ListAnswer[GapView])
async def gaps(
    context: InContext,
    choice: Chosen,
    pages: Paging,
    since: _Since = "24h",
    only_open: Annotated[  # noqa: FBT002  given by name
        bool, Query(alias="open", description="Only those that are open, or given up.")
    ] = False,
    stream: Annotated[
        str,
        StringConstraints(max_length=1000),
        Query(description="Only of these, with commas between.", examples=["book,trades"]),
    ] = "",
) -> Response:
    """Gaps as they stand, the one that opened last first. `state` is `open`, `closed`, `superseded` (nobody has said that it closed, and
    later data show it) or `given up` (its trades are not asked for any more); `over_time` is when it was over at the latest."""
    place = pages.place(_Place)
    since_us = place.since_us if place else moment(since, context.clock(), field="since")
    found = await answered_later(
        read_page(
            _choice(context, choice, since_us, choosing.names(stream, "stream"), only_open=only_open),
            Page(pages.limit + 1, place.opened_us if place else None, place.gap if place else ""),
        ),
        context.archive.ask,
    )
    page = found[: pages.limit]
    cursor = None
    if len(found) > pages.limit:
        cursor = pages.cursor(_Place(since_us, page[-1].opened_micros, page[-1].gap))
    return list_answer([_shown(gap) for gap in page], cursor)


@router.get("/gaps/completeness", response_model=ListAnswer[CompletenessView])
async def completeness(context: InContext, choice: Chosen, since: _Since = "24h") -> Response:
    """How complete each instrument is, as `bookmill gaps` says: the part of the time its book was live, and the part of its trades that is
    stored, in percent rounded down; null where it has none."""
    since_us = moment(since, context.clock(), field="since")
    loop = asyncio.get_running_loop()

    def ask(question: Question) -> Rows:
        return asyncio.run_coroutine_threadsafe(context.archive.ask(question), loop).result()

    # Many gaps are a lot of work: others are not to wait for it.
    report = await asyncio.to_thread(answered, read_report(_choice(context, choice, since_us)), ask)
    return list_answer(
        [
            {
                **asdict(one),
                "book_percent": _percent(one.book_percent),
                "trades_percent": _percent(one.trades_percent),
            }
            for one in report.instruments
        ]
    )


def _percent(share: str | None) -> str | None:
    return None if share is None else share.rstrip("0").rstrip(".")


def _choice(
    context: Context,
    choice: choosing.Choice,
    since_us: int,
    streams: tuple[str, ...] = (),
    *,
    only_open: bool = False,
) -> Choice:
    patience_s = context.settings.worker.backfill_patience_s
    return Choice(
        since_us,
        Selection(choice.exchanges, choice.markets, choice.symbols),
        streams,
        only_open,
        given_up_micros(patience_s, context.clock()),
    )


def _shown(gap: Gap) -> Mapping[str, Any]:
    return {
        "instrument": gap.instrument,
        **{
            name: getattr(gap, name)
            for name in (
                "exchange",
                "market",
                "symbol",
                "stream",
                "cause",
                "gap",
                "state",
                "expected",
                "seen",
                "missed",
                "attempts",
                "healed",
                "complete",
            )
        },
        **_time("opened_time", gap.opened_micros),
        **_time("closed_time", gap.closed_micros),
        **_time("over_time", gap.over_micros),
    }


def _time(name: str, micros: int | None) -> Mapping[str, Any]:
    return {name: None if micros is None else iso(micros), f"{name}_us": micros}
