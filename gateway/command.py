"""``bookmill gateway``: REST, websocket and dashboard, until it is told to stop."""

from __future__ import annotations

import click

__all__ = ["gateway"]


@click.command()
@click.option("--host", help="Where to listen; gateway.host (127.0.0.1) where not given.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="0 takes any free one; gateway.port (8400) where not given.",
)
def gateway(host: str | None, port: int | None) -> None:
    """Serve REST, websocket and dashboard until SIGINT or SIGTERM.

    Live data come from the event topics into memory, history is asked of ClickHouse. The dashboard is at /, the API below
    /api/v1 (documented at /docs), websockets at /api/v1/ws. It listens on this machine only, unless it is told otherwise;
    then control calls need a key ('bookmill keys').

    \b
    Examples:
      bookmill gateway
      bookmill gateway --port 9000
      curl -s 'http://127.0.0.1:8400/api/v1/prices?symbol=BTC-USDT'
    """
    from bookmill import log, settings_loading
    from gateway.serving import run

    settings = settings_loading.load()
    log.configure(settings.log)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    if given:
        settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update=given)})
    run(settings)
