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
    ready = feed.caught_up and all(each["ok"] for each in dependencies.values())
    return answer(
        {
            "live": True,
            "ready": ready,
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


@router.get("/metrics", response_class=Response)
async def metrics(context: InContext) -> Response:
    """For Prometheus."""
    return Response(context.part.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})
