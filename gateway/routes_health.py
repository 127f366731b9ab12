"""Whether the gateway lives and can be asked, and its metrics."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.answers import Answer, answer
from gateway.context import InContext
from gateway.models import Health

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health", response_model=Answer[Health], responses={503: {"model": Answer[Health]}})
async def health(context: InContext) -> Response:
    """Whether it can be asked: it has read what there was at its start, and Kafka, ClickHouse and the registry answer. 503 where not."""
    dependencies = await context.dependencies.health()
    feed = context.feed
    problems = {name: each["message"] for name, each in dependencies.items() if not each["ok"]}
    if not feed.caught_up:
        problems["feed"] = "The event topics are not read to their ends yet."
    ready = not problems
    return answer(
        {
            "part": "gateway",
            "live": True,
            "ready": ready,
            "problems": problems,
            "dependencies": dependencies,
            "lag": {"records": feed.lag, "caught_up": feed.caught_up},
            "version": version("bookmill"),
            "uptime_s": context.uptime_s,
        },
        status=200 if ready else 503,
    )


@router.get("/health/live")
async def live() -> Response:
    """200 as long as the process serves."""
    return answer({"live": True})


@router.get("/status")
async def status(context: InContext) -> Response:
    """What the gateway says of itself, as every part does at its status port; `/api/v1/status` tells of all parts."""
    return answer(
        {"part": "gateway", "uptime_s": context.uptime_s, **context.part.state(), **context.part.counters()}
    )


@router.get("/metrics", response_class=Response)
async def metrics(context: InContext) -> Response:
    """For Prometheus."""
    return Response(context.part.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})
