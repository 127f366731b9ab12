"""One market of a simulated exchange: a websocket port, a REST port, and what is played on them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bookmill.errors import ConfigurationError, PortInUseError
from simulator.connection import Connection
from simulator.dialect import Dialect, Snapshots
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.life import ConnectionCounts
from simulator.live import LiveMarket
from simulator.playback import Playback
from simulator.recording import read_recording
from simulator.web import Request, Response, WebServer, address_of

__all__ = ["MarketConfig", "RecordingFiles", "SimulatedMarket"]

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class RecordingFiles:
    """One recording: the files of one instrument, in order."""

    symbol: str
    paths: Sequence[Path]


@dataclass(frozen=True)
class MarketConfig:
    """What one market plays: recordings, else a synthetic market of ``symbols`` at ``rate`` frames a second in all.

    Without symbols they are the exchange's usual ones. ``speed`` is a factor of the recorded pace, infinite for as fast as clients
    read. Ports: 0 takes any free one.
    ``clock_scale`` makes pings, sessions and REST minutes pass so much faster; ``session_s`` is the life of a connection if not
    the exchange's. ``buffer_bytes`` and ``stall_s`` are what a slow client is borne with, see :class:`Connection`.
    """

    symbols: Sequence[str] = ()
    rate: float = 200.0
    seed: int = 1
    recordings: Sequence[RecordingFiles] = ()
    speed: float = 1.0
    grace_s: float = 2.0
    websocket_port: int = 0
    rest_port: int = 0
    clock_scale: float = 1.0
    session_s: float | None = None
    buffer_bytes: int = 16 * _MEBIBYTE
    stall_s: float = 30.0


class _Refused(asyncio.Protocol):
    """A socket that is closed before a word was said."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class SimulatedMarket:
    """A market that listens from :meth:`start` to :meth:`close`."""

    def __init__(self, dialect: Dialect, config: MarketConfig) -> None:
        self.dialect = dialect
        self.hub = Hub()
        self.connection_counts = ConnectionCounts()
        self.rest_faults = RestFaults()
        self.open: set[Connection] = set()
        self.faults = Faults(self.hub, self.rest_faults, lambda: tuple(self.open), dialect.wire)
        self.books: dict[str, Snapshots] = {}
        self.playbacks: list[Playback] = []
        self.live: LiveMarket | None = None
        self.address: dict[str, str] = {}
        self._config = config
        self._keep_alive = dialect.keep_alive
        if config.session_s is not None:
            self._keep_alive = replace(self._keep_alive, session_s=config.session_s)
        self._web = WebServer(self._answer)
        self._server: asyncio.Server | None = None
        self._playing: list[asyncio.Task[None]] = []

    def load(self) -> None:
        """Read the recordings, or set up the synthetic instruments."""
        config, dialect, hub = self._config, self.dialect, self.hub
        for files in config.recordings:
            wire = dialect.wire(files.symbol)
            if wire in self.books:
                raise ConfigurationError(
                    f"There are two recordings of {files.symbol} for one market.",
                    hint="Give several files of one recording together.",
                )
            recording = read_recording(files.symbol, files.paths, wire)
            self.books[wire] = recording
            self.playbacks.append(Playback(recording, hub, dialect, config.speed, config.grace_s))
        if not config.recordings:
            symbols = dict.fromkeys(config.symbols or dialect.default_symbols)
            instruments = [dialect.instrument(symbol) for symbol in symbols]
            self.live = LiveMarket(instruments, dialect, hub, rate=config.rate, seed=config.seed)
            self.books.update(self.live.books)

    async def start(self, host: str) -> None:
        """Listen and wait for subscribers."""
        loop, port = asyncio.get_running_loop(), self._config.websocket_port
        try:
            self._server = await loop.create_server(self._connection, host, port)
        except OSError as error:
            raise PortInUseError(
                f"The simulator's websocket port {host}:{port} cannot be opened: {error.strerror}.",
                hint="Give another one, or 0 for any.",
            ) from error
        rest = await self._web.start(host, self._config.rest_port)
        self.address = {"websocket": "ws://{}:{}".format(*address_of(self._server)), "rest": rest}
        runs = [playback.run() for playback in self.playbacks]
        if self.live:
            runs.append(self.live.run())
        self._playing = [loop.create_task(run) for run in runs]

    async def close(self) -> None:
        """Stop playing, close all connections in order, and the ports."""
        for task in self._playing:
            task.cancel()
        results = await asyncio.gather(*self._playing, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            connections = tuple(self.open)
            for connection in connections:
                connection.close(1001, "")
            await asyncio.gather(*(connection.lost for connection in connections))
        await self._web.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def problem(self) -> str:
        """Why playing stopped before its end; empty when it did not."""
        broken = [task for task in self._playing if task.done() and not task.cancelled() and task.exception()]
        return str(broken[0].exception()) if broken else ""

    def counts(self) -> dict[str, Any]:
        """What was sent and what happened."""
        return {
            "frames_sent": self.hub.total("sent"),
            "frames_published": self.hub.total("published"),
            "frames_unsent": self.hub.total("unsent"),
            "finished": all(playback.finished for playback in self.playbacks),
            "streams": self.hub.counts(),
            "recordings": {
                playback.recording.instrument.symbol: playback.statistics() for playback in self.playbacks
            },
            "skipped_s": round(self.live.skipped_s, 3) if self.live else 0.0,
            "connections": {"open": len(self.open), **asdict(self.connection_counts)},
            "rest": self.dialect.rest_counts(),
        }

    def _connection(self) -> asyncio.Protocol:
        if self.faults.refusing:
            self.connection_counts.refused += 1
            return _Refused()
        connection = Connection(
            self.dialect,
            self.hub,
            self.connection_counts,
            self._keep_alive,
            buffer_bytes=self._config.buffer_bytes,
            stall_s=self._config.stall_s,
            clock_scale=self._config.clock_scale,
        )
        self.open.add(connection)
        connection.lost.add_done_callback(lambda _: self.open.discard(connection))
        return connection

    async def _answer(self, request: Request) -> Response:
        if request.path == "/simulator/counts":
            return Response(200, json.dumps(self.counts()).encode())
        if request.path == "/simulator/faults" and request.method == "POST":
            return self._apply_fault(request.body)
        return await self.dialect.answer(request, self.books, self.rest_faults)

    def _apply_fault(self, body: bytes) -> Response:
        """``{"fault": "<method of Faults>", …its arguments}``."""
        try:
            arguments = json.loads(body)
            self.faults.apply(arguments.pop("fault"), arguments)
        except (ConfigurationError, ValueError, KeyError, AttributeError, TypeError) as error:
            return Response(400, json.dumps({"error": str(error)}).encode())
        return Response(200, b"{}")
