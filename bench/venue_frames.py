"""Book frames of each venue: of one synthetic instrument of its simulator, and for OKX those recorded in 2022.

The simulator's own session is subscribed with the adapter's own plan, without sockets: the frames are what a producer would get.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.frames import RawFrame
from bookmill.errors import RecordingError
from schemas.catalogue import raw
from schemas.raw_record import RawHeaders
from simulator.dialect import Books
from simulator.faults import RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.registry import dialect
from simulator.web import Request
from venues.interface import RestRequest, StreamOptions, Venue
from venues.messages import BookDiff, BookImage, Instrument
from venues.registry import venue

__all__ = ["BookFrames", "recorded_okx", "synthetic"]

_START_MS = 1_790_358_480_000
_TICK_MS = 10
_QUIET_TICKS = 1000
"""So long a market may say nothing before it is given up: ten seconds of its clock."""

_RECORDED = (
    ("spot", "BTC-USDT", "BTC-USDT"),
    ("swap", "UNI-USD-SWAP", "UNI-USD"),
    ("futures", "BTC-USD-220527", "BTC-USD-220527"),
)
"""Market, wire symbol and symbol of the recording's instruments."""


@dataclass(frozen=True)
class BookFrames:
    """``frames`` are one pass from the image on, to be repeated from there as often as wanted. ``levels``: changed by an update, on average."""

    name: str
    frames: Sequence[RawFrame]
    levels: float

    @property
    def bytes(self) -> float:
        """Of an update, on average."""
        return sum(len(frame.value) for frame in self.frames[1:]) / max(1, len(self.frames) - 1)


def synthetic(market: str, count: int, rate: float, name: str = "") -> BookFrames:
    """``count`` book frames of ``market`` (``okx.spot``); ``rate``: frames of all kinds a second in its order flow."""
    player = _Player(market, rate)
    return _book_frames(name or market, player.venue, player.play(count), player.instrument)


def recorded_okx(directory: Path) -> list[BookFrames]:
    """The three instruments of the recording below ``directory``; raises :class:`RecordingError`."""
    path = directory / "okx" / "OKX.ws.1.0.gz"
    try:
        with gzip.open(path) as lines:
            received = [line.rstrip(b"\n").partition(b": ")[2] for line in lines if line[:1].isdigit()]
    except (OSError, EOFError) as error:
        raise RecordingError(f"The recording {path} cannot be read: {error}.") from error
    found = []
    for market, wire, symbol in _RECORDED:
        one = venue("okx", market)
        frames = [frame for frame in received if one.route(frame) == ("books", wire)]
        instrument = Instrument(wire, symbol, "", "", 0, 0, trading=True)
        found.append(_book_frames(f"okx.{market} recorded", one, frames, instrument))
    return found


def _book_frames(name: str, venue_: Venue, frames: Iterable[bytes], instrument: Instrument) -> BookFrames:
    written, levels = [], []
    for number, frame in enumerate(frames):
        route = venue_.route(frame)
        message = venue_.decode(route.channel, frame)[0] if route else venue_.decode_snapshot(frame)
        if isinstance(message, BookDiff | BookImage) and number:
            levels.append(len(message.bids) + len(message.asks))
        headers = RawHeaders(
            receive_time_ns=(_START_MS + number) * 1_000_000,
            kind="ws" if route else "snapshot",
            channel=route.channel if route else "snapshot",
            connection="bench",
            frame=number,
            symbol=instrument.symbol,
            unit=instrument.unit.text,
        )
        topic = raw(venue_.exchange, venue_.market).name
        written.append(RawFrame(topic, instrument.wire_symbol.encode(), frame, tuple(headers.encode())))
    return BookFrames(name, written, sum(levels) / max(1, len(levels)))


class _Player:
    """One instrument's book, subscribed as the adapter plans it. It is the subscriber of its own session."""

    def __init__(self, name: str, rate: float) -> None:
        exchange, _, market = name.partition(".")
        self.venue = venue(exchange, market)
        self._dialect, self._hub = dialect(exchange, market), Hub()
        symbol = self._dialect.default_symbols[0]
        self._live = LiveMarket(
            [self._dialect.instrument(symbol)], self._dialect, self._hub, rate=rate, seed=1
        )
        [self.instrument] = self.venue.parse_instruments(self._rest(self.venue.instruments_request()))
        self._frames: list[bytes] = []
        self._routes = frozenset[tuple[str, str]]()

    def play(self, count: int) -> list[bytes]:
        """``count`` frames, the image first."""
        time_ms, quiet = _START_MS, 0
        self._live.tick(time_ms)
        snapshot = self.venue.snapshot_request(self.instrument.wire_symbol, None)
        if snapshot is not None:
            self._frames.append(self._rest(snapshot))
        [plan] = self.venue.plan([self.instrument.wire_symbol], StreamOptions(("book",)))
        self._routes = frozenset(plan.routes)
        self._session = self._dialect.open(plan.path, self, self._hub)
        for request in plan.requests:
            for answer in self._session.receive(request.encode()):
                self._take(answer)
        while len(self._frames) < count:
            before = len(self._frames)
            time_ms += _TICK_MS
            self._live.tick(time_ms)
            quiet = 0 if len(self._frames) > before else quiet + 1
            if quiet > _QUIET_TICKS:
                raise RecordingError(f"The simulated {self._dialect.name} sends no book frames.")
        return self._frames[:count]

    def queue(self, envelope: bytes, data_start: int) -> None:
        """What a market publishes."""
        self._take(self._session.frame(envelope, data_start))

    def flush(self) -> None:
        """Nothing is held back."""

    async def writable(self) -> None:
        """Always."""

    def _take(self, frame: bytes) -> None:
        if self.venue.route(frame) in self._routes:
            self._frames.append(frame)

    def _rest(self, asked: RestRequest) -> bytes:
        request = Request("GET", asked.path, asked.params, b"", "127.0.0.1")
        books: Books = {**self._live.books}
        return asyncio.run(self._dialect.answer(request, books, RestFaults())).body
