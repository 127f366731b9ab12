"""What runs, how it is set, how much comes and how much there is."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from bookmill.times import iso
from gateway.answers import Answer, answer, documented
from gateway.context import Context, InContext
from gateway.effective import effective
from gateway.models import Stats, Status
from gateway.routing import API
from gateway.statuses import status as whole_status
from schemas.catalogue import TABLE_TOPICS, Topic

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["system"])


@router.get("/status", response_model=Answer[Status])
async def status(context: InContext) -> Response:
    """The gateway, the other parts at their status addresses, and which producer collects what."""
    return answer(await whole_status(context))


@router.get("/config", response_model=Answer[dict[str, Any]])
async def config(context: InContext) -> Response:
    """The settings in effect here, secrets masked."""
    return answer(effective(context.settings, context.addresses))


@router.get("/stats", response_model=Answer[Stats], responses=documented(502, 503))
async def stats(context: InContext) -> Response:
    """Events by topic and second as they come, and the tables of ClickHouse: rows, bytes on disk, oldest and newest time."""
    rates = context.live.rates
    per_second, seconds = rates.per_second(), rates.seconds()
    events = {
        topic: {
            "per_s": per_second[topic],
            "total": total,
            "seconds": [(second, counts.get(topic, 0)) for second, counts in seconds],
        }
        for topic, total in sorted(rates.total.items())
    }
    return answer({"events": events, "tables": await _tables(context)})


async def _tables(context: Context) -> list[dict[str, Any]]:
    found = await context.archive.rows(
        "SELECT table, sum(rows) AS stored, sum(bytes_on_disk) AS on_disk FROM system.parts"
        " WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)} GROUP BY table",
        {"tables": [topic.name for topic in TABLE_TOPICS]},
    )
    sizes = {row["table"]: row for row in found}
    stored = [topic for topic in TABLE_TOPICS if topic.name in sizes]
    spans = await asyncio.gather(*(_span(context, topic) for topic in stored))
    return [
        {
            "table": topic.name,
            "rows": int(sizes[topic.name]["stored"]),
            "bytes": int(sizes[topic.name]["on_disk"]),
            **span,
        }
        for topic, span in zip(stored, spans)
    ]


async def _span(context: Context, topic: Topic) -> dict[str, Any]:
    """First and last time of a table: ClickHouse has those of each part at hand and reads no rows for it."""
    column = "receive_time" if topic.event_ids else "seen_time"
    rows = await context.archive.rows(
        f"SELECT toUnixTimestamp64Micro(min({column})) AS oldest, toUnixTimestamp64Micro(max({column})) AS newest"  # noqa: S608  names of our own
        f" FROM {topic.name}"
    )
    oldest, newest = int(rows[0]["oldest"]), int(rows[0]["newest"])
    return {"oldest": iso(oldest), "oldest_us": oldest, "newest": iso(newest), "newest_us": newest}
