"""A gateway without a pipeline: the real dashboard files, and docs/gateway.md spoken over a made-up world.

Tests hold it (``hold``), let an update go missing (``lose``), freeze an instrument, stop it and start it again at the same port.
By hand: ``python -m tests.browser.fake_gateway 8400 3000`` (a port, and how many instruments never move).
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket

from gateway import routes_dashboard
from gateway.errors import handle_errors
from gateway.security import POLICY
from tests.browser.fake_rest import Told, routes
from tests.browser.fake_socket import Client
from tests.browser.fake_world import World

__all__ = ["FakeGateway"]

_STEP_S = 0.1


class FakeGateway:
    """Use as a context manager. ``held``: nothing moves any more, and clients get what they lack."""

    def __init__(self, port: int = 0, world: World | None = None) -> None:
        self.world = world or World()
        self.told = Told()
        self.held = False
        self.clients: set[Client] = set()
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """As a browser wants it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, at the same port as the last time."""
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app(), log_config=None, ws="websockets-sansio", lifespan="on", timeout_graceful_shutdown=1
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Go away, with all connections."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()

    def __enter__(self) -> FakeGateway:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def lose(self, channel: str) -> None:
        """Each client's next update of a channel does not arrive; the snapshot that mends it comes two steps later."""
        for client in self.clients:
            client.lose(channel)

    def alert(self, alert: dict[str, Any]) -> None:
        """An alert is made."""
        self.told.alerts.insert(0, alert)
        for client in self.clients:
            client.alerts.append(alert)

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            task = asyncio.create_task(self._run())
            yield
            task.cancel()

        app = FastAPI(lifespan=lifespan)
        handle_errors(app)

        @app.middleware("http")
        async def secure(request: Request, call_next: Callable[[Request], Any]) -> Response:
            response: Response = await call_next(request)
            response.headers["Content-Security-Policy"] = POLICY
            return response

        app.include_router(routes_dashboard.router)
        app.include_router(routes(self.world, self.told, lambda: len(self.clients)))

        @app.websocket("/api/v1/ws")
        async def ws(socket: WebSocket) -> None:
            client = Client(socket, self.world, lambda: len(self.clients))
            self.clients.add(client)
            try:
                await client.serve()
            finally:
                self.clients.discard(client)

        return app

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_STEP_S)
            if not self.held:
                self.world.step()
            for client in list(self.clients):
                await client.step()


if __name__ == "__main__":
    port, quiet = map(int, sys.argv[1:])
    with FakeGateway(port, World(quiet)) as fake:
        sys.stderr.write(f"made-up gateway at {fake.address}\n")
        threading.Event().wait()
