"""The gateway as a process: listening, signals, a clean end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn
import uvloop

from bookmill.errors import ConfigurationError, PortInUseError, UnavailableError
from bookmill.memory import kept_small
from bookmill.settings import GatewaySettings, Settings
from gateway.app import create_app
from gateway.assembly import prepare
from gateway.context import Context
from gateway.http_wire import HttpWire
from gateway.sockets.wire import Wire

__all__ = ["GatewayServer", "address_of", "doors", "listen", "run", "uvicorn_config"]

_log = structlog.get_logger(__name__)

_BACKLOG = 2048
_SWITCH_S = 0.001
_ACCEPTED_AT_ONCE = 16
"""libuv takes one new connection in each turn of the loop, however long the turn was: while many requests are answered, whoever comes
new would wait for seconds. So it is given the listening socket so many times."""
_GRACE_S = 5
"""How long answers may take to end when the gateway is told to stop."""


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises a :class:`BookmillError` when it cannot start."""
    with listen(settings.gateway) as listening:
        context = prepare(settings)
        # The feed decodes beside the loop: an answer does not wait long for its turn.
        sys.setswitchinterval(_SWITCH_S)
        server = GatewayServer(uvicorn_config(context), context)
        _log.info("gateway is served", address=address_of(settings.gateway, listening))
        with kept_small(50_000):
            uvloop.run(server.serve(sockets=doors(listening)))
    if (error := context.failure.error) is not None:
        text = (str(error) or type(error).__name__).removesuffix(".")
        raise UnavailableError(f"The gateway stopped: {text}.") from error
    _log.info("gateway stopped")


def listen(settings: GatewaySettings) -> socket.socket:
    """The listening socket. Raises :class:`PortInUseError` where the port is taken, :class:`ConfigurationError` where there is no
    such host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigurationError(
            f"gateway.host {settings.host!r} is no address: {error.strerror}."
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise PortInUseError(
            f"The gateway cannot listen at {settings.host}:{settings.port}: {error.strerror}.",
            hint="Set BOOKMILL_GATEWAY__PORT to a free one, or to 0 for any.",
        ) from error
    listening.setblocking(False)
    return listening


def doors(listening: socket.socket) -> list[socket.socket]:
    """The same listening socket, so many times as new connections are taken in one turn of the loop."""
    return [listening.dup() for _ in range(_ACCEPTED_AT_ONCE)]


def address_of(settings: GatewaySettings, listening: socket.socket) -> str:
    """As a browser wants it."""
    host, port = listening.getsockname()[:2]
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def uvicorn_config(context: Context) -> uvicorn.Config:
    """How uvicorn serves us. Raises :class:`ConfigurationError` where certificate or key cannot be used."""
    gateway = context.settings.gateway
    config = uvicorn.Config(
        create_app(context),
        http=HttpWire,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
        ws=Wire,
        ws_max_size=gateway.max_body_kib * 1024,
        ws_ping_interval=gateway.heartbeat_s,
        ws_ping_timeout=gateway.heartbeat_s,
        ssl_certfile=gateway.tls_certificate,
        ssl_keyfile=gateway.tls_key,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(
            f"gateway.tls_certificate and gateway.tls_key cannot be used: {error}."
        ) from error
    return config


class GatewayServer(uvicorn.Server):
    """Ends without a signal of its own when it was told to stop, and when something in the background has failed."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGINT and SIGTERM are how we are told to stop; a second one does not wait any longer."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; true ends the serving."""
        return await super().on_tick(counter) or self._context.failure.error is not None
