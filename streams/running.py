"""Running the Faust application as one process: our logging, our status port, a clean end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import faust
import structlog
import uvloop

from bookmill.errors import UnavailableError
from bookmill.memory import kept_small
from bookmill.settings import Settings
from bookmill.status import StatusServer
from streams.application import create_app, prepare
from streams.faust_app import PartApp

__all__ = ["run", "serve"]

_log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; returns then. A crash raises: the process ends with its reason and is started anew."""
    prepared = prepare(settings)
    serve(lambda: create_app(prepared), settings)


def serve(create: Callable[[], PartApp], settings: Settings) -> None:
    """Run the application that ``create`` makes as :func:`run` says."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = create()
    # Books are millions of ints: looking through them for garbage every 700 events would cost 5 to 8 %.
    with kept_small(50_000), StatusServer(app.part, settings.status, settings.data_dir):
        process = faust.Worker(
            app,
            loop=loop,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
            stdout=io.StringIO(),  # its banner and spinner are not for our readers
            loglevel=settings.log.level,
        )
        try:
            process.execute_from_commandline()
        except (SystemExit, asyncio.CancelledError) as ended:
            # Cancelled is the agent that a crash elsewhere ended.
            if isinstance(ended, asyncio.CancelledError) or ended.code:
                reason = app.crash_reason or process.crash_reason
                text = str(reason or "see the log above").removesuffix(".")
                raise UnavailableError(f"The {app.part.name} stopped: {text}.") from reason
    if app.ended is not None:
        raise app.ended
    _log.info(f"{app.part.name} stopped")
