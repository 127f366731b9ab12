"""The simulated exchange as a whole: markets with their sockets, and what tests and commands ask of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from bookmill.errors import ConfigurationError, PortInUseError
from simulator import binance
from simulator.connection import Connection, ConnectionCounts
from simulator.dialect import Books, Dialect
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.instruments import DEFAULT_SYMBOLS, instrument
from simulator.live import LiveMarket
from simulator.market import Truth
from simulator.playback import Playback
from simulator.recording import read_recording
from simulator.web import Request, Response, WebServer, address_of

__all__ = ["EXCHANGES", "MarketConfig", "RecordingFiles", "Simulator", "SimulatorConfig"]

EXCHANGES = {"binance": {"spot": binance.spot, "usdm": binance.usdm}}
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class RecordingFiles:
    """One recording: the files of one instrument, in order."""

    symbol: str
    paths: Sequence[Path]


@dataclass(frozen=True)
class MarketConfig:
    """What one market plays: recordings, else a synthetic market of ``symbols`` at ``rate`` frames a second in all.

    ``speed`` is a factor of the recorded pace, infinite for as fast as clients read. Ports: 0 takes any free one.
    ``clock_scale`` makes pings, sessions and REST minutes pass so much faster; ``session_s`` is the life of a connection if not
    the exchange's. ``buffer_bytes`` and ``stall_s`` are what a slow client is borne with, see :class:`Connection`.
    """

    symbols: Sequence[str] = DEFAULT_SYMBOLS
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


@dataclass(frozen=True)
class SimulatorConfig:
    """The markets of one exchange, by name."""

    exchange: str = "binance"
    markets: Mapping[str, MarketConfig] = field(
        default_factory=lambda: {"spot": MarketConfig(), "usdm": MarketConfig()}
    )
    host: str = "127.0.0.1"


class _Market:
    """One market: a websocket port, a REST port and what is played on them."""

    def __init__(self, dialect: Dialect, config: MarketConfig) -> None:
        self.dialect = dialect
        self.hub = Hub()
        self.connection_counts = ConnectionCounts()
        self.rest_faults = RestFaults()
        self.open: set[Connection] = set()
        self.faults = Faults(self.hub, self.rest_faults, lambda: tuple(self.open))
        self.books: Books = {}
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
            wire = files.symbol.replace("-", "")
            if wire in self.books:
                raise ConfigurationError(
                    f"There are two recordings of {files.symbol} for one market.",
                    hint="Give several files of one recording together.",
                )
            recording = read_recording(files.symbol, files.paths)
            self.books[wire] = recording
            self.playbacks.append(Playback(recording, hub, dialect, config.speed, config.grace_s))
        if not config.recordings:
            instruments = [instrument(symbol) for symbol in dict.fromkeys(config.symbols)]
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

    def _connection(self) -> Connection:
        connection = Connection(
            self.dialect,
            self.hub,
            self.connection_counts,
            self._keep_alive,
            buffer_bytes=self._config.buffer_bytes,
            stall_s=self._config.stall_s,
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


class Simulator:
    """A simulated exchange: an asynchronous context manager that listens while it is open.

    ``addresses`` by market: ``{"websocket": "ws://host:port", "rest": "http://host:port"}``.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        dialects = EXCHANGES.get(config.exchange)
        if dialects is None:
            raise ConfigurationError(
                f"The exchange '{config.exchange}' is not simulated.", hint=f"Known: {', '.join(EXCHANGES)}."
            )
        for name in config.markets:
            if name not in dialects:
                raise ConfigurationError(
                    f"{config.exchange} has no simulated market '{name}'.",
                    hint=f"Known: {', '.join(dialects)}.",
                )
        self._host = config.host
        self._opened = AsyncExitStack()
        self._markets = {
            name: _Market(dialects[name](market.clock_scale), market)
            for name, market in config.markets.items()
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            for market in self._markets.values():
                await asyncio.to_thread(market.load)
                opened.push_async_callback(market.close)
                await market.start(self._host)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    @property
    def addresses(self) -> dict[str, dict[str, str]]:
        """Where each market listens."""
        return {name: market.address for name, market in self._markets.items()}

    @property
    def finished(self) -> bool:
        """Whether all recordings were played to the end."""
        return all(playback.finished for market in self._markets.values() for playback in market.playbacks)

    def problems(self) -> dict[str, str]:
        """Markets that stopped playing because of an error, with it."""
        return {name: problem for name, market in self._markets.items() if (problem := market.problem())}

    def faults(self, market: str) -> Faults:
        """What can go wrong on a market."""
        return self._markets[market].faults

    def counts(self) -> dict[str, dict[str, Any]]:
        """What was sent, by market."""
        return {name: market.counts() for name, market in self._markets.items()}

    def truth(self, market: str, wire_symbol: str) -> Truth:
        """The synthetic book and trades of an instrument as of its last depth frame."""
        live = self._markets[market].live
        if live is None:
            raise ConfigurationError(
                f"The market '{market}' plays a recording: its truth is in the recording."
            )
        return live.books[wire_symbol].truth()
