"""The application: routers, errors, and what every request goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from gateway import (
    routes_alerts,
    routes_analysis,
    routes_book_health,
    routes_books,
    routes_consolidated,
    routes_control,
    routes_dashboard,
    routes_docs,
    routes_gaps,
    routes_health,
    routes_history,
    routes_instruments,
    routes_klines,
    routes_prices,
    routes_status,
    routes_summary,
)
from gateway.bodies import EntityTags
from gateway.context import Context
from gateway.errors import Guard, handle_errors
from gateway.measuring import Measured
from gateway.routing import take_in
from gateway.security import Security
from gateway.sockets import routes as routes_sockets

__all__ = ["create_app"]

_ROUTERS: Sequence[APIRouter] = (  # what is asked for most often is found first
    routes_prices.router,
    routes_books.router,
    routes_book_health.router,
    routes_summary.router,
    routes_instruments.router,
    routes_consolidated.router,
    routes_history.router,
    routes_klines.router,
    routes_gaps.router,
    routes_status.router,
    routes_control.router,
    routes_sockets.router,
    routes_alerts.router,
    routes_analysis.router,
    routes_dashboard.router,
    routes_health.router,
    routes_docs.router,
)
_DESCRIPTION = """Live market data from memory, history from ClickHouse. Prices, quantities and rates are exact texts; times come in
ISO 8601 and, as `…_us`, in microseconds since the epoch. Answers are `{"data": …}`, errors `{"error": …}`."""


def create_app(context: Context) -> FastAPI:
    """The application around a context; it enters the context's parts when it is started."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with context.running():
            yield

    app = FastAPI(
        title="bookmill",
        version=version("bookmill"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        middleware=[  # the first is outermost
            Middleware(Measured, requests=context.part.requests),
            Middleware(Security, settings=context.settings.gateway, admission=context.admission),
            Middleware(Guard),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=1),
            Middleware(EntityTags),
        ],
        docs_url=None,  # its page loads from other hosts
        redoc_url=None,
    )
    app.state.context = context
    handle_errors(app)
    take_in(app, _ROUTERS)
    return app
