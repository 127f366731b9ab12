"""Running the Faust application as one process: our logging, our status port, a clean end."""

from __future__ import annotations

import asyncio
import gc
import io

import faust
import structlog
import uvloop

from bookmill.errors import UnavailableError
from bookmill.settings import Settings
from bookmill.status import StatusServer
from streams.application import create_app, prepare

__all__ = ["run"]

_log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; returns then. A crash raises: the process ends with its reason and is started anew."""
    prepared = prepare(settings)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = create_app(prepared)
    # Books are millions of ints that make no cycles; looking through them for garbage every 700 events would cost 5 to 8 %.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with StatusServer(app.part, settings.status, settings.data_dir):
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
        except SystemExit as ended:
            if ended.code:
                reason = app.crash_reason or process.crash_reason
                raise UnavailableError(f"The worker stopped: {reason or 'see the log above'}.") from reason
    if app.refused is not None:
        raise app.refused
    _log.info("worker stopped")
