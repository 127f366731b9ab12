"""Logging for every part: structured events on stderr, for people (console) or for programs (JSON lines)."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import structlog

from bookmill.errors import BookmillError
from bookmill.settings import LogSettings

__all__ = ["configure"]


def configure(settings: LogSettings) -> None:
    """Send structlog's and the libraries' own records to stderr in the configured form.

    Libraries (Faust, aiokafka, websockets) log from WARNING up unless the level is ``debug``: their INFO is about
    themselves, ours is about the data.
    """
    level = getattr(logging, settings.level.upper())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _told_in_a_sentence,
    ]
    renderer: structlog.types.Processor
    if settings.format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    else:
        # The default shows every variable on the way: thousands of lines, seconds to write them, and passwords among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level <= logging.DEBUG else logging.WARNING)
    for room in (
        "bookmill",
        "producers",
        "streams",
        "sinks",
        "analysis",
        "gateway",
        "simulator",
        "embedded",
        "schemas",
        "venues",
        "bench",
    ):
        logging.getLogger(room).setLevel(level)


def _told_in_a_sentence(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Errors of ours are foreseen, and say what is wrong: where in the code they came up is of no use to whoever reads the log.

    Nor is where a task stood that was cancelled, as Faust tells of each that a crash elsewhere ends: the crash has been told.
    """
    error = event.get("exc_info")
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BookmillError):
        event["exc_info"] = None
        event.setdefault("error", error.message)
    elif isinstance(error, asyncio.CancelledError):
        event["exc_info"] = None
    return event
