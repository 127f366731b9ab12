"""What is measured with: the recorded Binance frames as raw records, or as many of the simulator's synthetic market.

Instruments are interleaved, each at its own pace through its recording, so that the first n frames are a fair sample of all.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bookmill.errors import RecordingError
from schemas.catalogue import raw
from schemas.raw_record import RawHeaders
from simulator import binance
from simulator.hub import Hub
from simulator.instruments import instrument
from simulator.live import LiveMarket
from venues.interface import Venue
from venues.registry import venue

__all__ = ["RECORDED", "RawFrame", "Workload", "load_workload", "recordings_directory"]

Headers = tuple[tuple[str, bytes], ...]

RECORDED = (
    ("spot", "BTCUSDT", "BTC-USDT", ("binance-spot/btcusdt_20240808.gz", "binance-spot/btcusdt_20240809.gz")),
    ("spot", "ETHUSDT", "ETH-USDT", ("binance-spot/ethusdt_20240808.gz", "binance-spot/ethusdt_20240809.gz")),
    ("usdm", "BTCUSDT", "BTC-USDT", ("binance-usdm/btcusdt_20240808.gz",)),
    # The same instrument a year before: under a name of its own, so that it is a fourth book beside the third.
    (
        "usdm",
        "BTCUSDT_2023",
        "BTC-USDT-2023",
        ("binance-usdm/btcusdt_20230404.dat.gz", "binance-usdm/btcusdt_20230405.dat.gz"),
    ),
)
"""Market, wire symbol, symbol and files of each recording."""

_SYNTHETIC = (("spot", "BTC-USDT"), ("spot", "ETH-USDT"), ("usdm", "BTC-USDT"), ("usdm", "ETH-USDT"))
_SYNTHETIC_FRAMES = 347_000
_START_MS = 1_723_161_240_000
_MICROS_DIGITS = 16


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One raw record to be: ``topic`` without prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


@dataclass(frozen=True)
class Workload:
    """The frames in order and where they come from: ``recordings`` or ``synthetic``."""

    frames: Sequence[RawFrame]
    source: str

    @property
    def topics(self) -> Sequence[str]:
        """Raw topics that occur."""
        return sorted({frame.topic for frame in self.frames})

    def first(self, count: int) -> Workload:
        """The first ``count`` frames."""
        return Workload(self.frames[:count], self.source)


def recordings_directory() -> Path | None:
    """``$BOOKMILL_RECORDINGS``, else ``shared/recordings`` beside the checkout; None where there is none."""
    configured = os.environ.get("BOOKMILL_RECORDINGS")
    path = Path(configured) if configured else Path(__file__).parents[2] / "shared" / "recordings"
    return path if path.is_dir() else None


def load_workload(directory: Path | None, limit: int | None = None) -> Workload:
    """All recordings below ``directory``, interleaved, or a synthetic market where it is None; at most ``limit`` frames.

    Raises :class:`RecordingError` for a recording that cannot be read.
    """
    if directory is None:
        return Workload(_interleave(_synthetic(limit or _SYNTHETIC_FRAMES))[:limit], "synthetic")
    recorded = [
        list(_recorded(venue("binance", market), wire, symbol, [directory / file for file in files]))
        for market, wire, symbol, files in RECORDED
    ]
    return Workload(_interleave(recorded)[:limit], "recordings")


def _interleave(recordings: Sequence[Sequence[RawFrame]]) -> list[RawFrame]:
    order = sorted(
        ((number + 1) / len(frames), place, number)
        for place, frames in enumerate(recordings)
        for number in range(len(frames))
    )
    return [recordings[place][number] for _, place, number in order]


def _recorded(venue_: Venue, wire: str, symbol: str, paths: Sequence[Path]) -> Iterator[RawFrame]:
    counter = 0
    for path in paths:
        try:
            with gzip.open(path) as lines:
                for line in lines:
                    time, _, frame = line.rstrip(b"\n").partition(b" ")
                    time_ns = int(time) * (1000 if len(time) == _MICROS_DIGITS else 1)
                    route = venue_.route(frame)
                    yield _frame(venue_, wire, symbol, time_ns, route and route.channel, counter, frame)
                    counter += 1
        except (OSError, EOFError, ValueError) as error:
            raise RecordingError(
                f"The recording {path} cannot be read: {error}.",
                hint="Name the folder of the recordings with --recordings.",
            ) from error


def _synthetic(count: int) -> list[list[RawFrame]]:
    """``count`` frames in all; every instrument begins with its snapshot."""
    each = -(-count // len(_SYNTHETIC))
    return [list(_market(market, symbol, each)) for market, symbol in _SYNTHETIC]


class _Collector:
    """A subscriber that keeps what it is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def queue(self, envelope: bytes, data_start: int) -> None:  # noqa: ARG002  the signature is the hub's
        self.frames.append(envelope)

    def flush(self) -> None:
        """Nothing is held back."""

    async def writable(self) -> None:
        """Always."""


def _market(market: str, symbol: str, count: int) -> Iterator[RawFrame]:
    hub, collector, venue_ = Hub(), _Collector(), venue("binance", market)
    dialect = binance.spot() if market == "spot" else binance.usdm()
    live = LiveMarket([instrument(symbol)], dialect, hub, rate=2000, seed=1)
    wire = symbol.replace("-", "")
    for channel in ("depth@100ms", "trade", "bookTicker"):
        hub.subscribe(collector, f"{wire.lower()}@{channel}")
    snapshot = live.books[wire].snapshot(1000, _START_MS)
    yield _frame(venue_, wire, symbol, _START_MS * 1_000_000, None, 0, snapshot)
    counter, time_ms = 1, _START_MS
    while True:
        live.tick(time_ms)
        for frame in collector.frames:
            if counter == count:
                return
            route = venue_.route(frame)
            yield _frame(venue_, wire, symbol, time_ms * 1_000_000, route and route.channel, counter, frame)
            counter += 1
        collector.frames.clear()
        time_ms += 10


def _frame(
    venue_: Venue, wire: str, symbol: str, time_ns: int, channel: str | None, counter: int, frame: bytes
) -> RawFrame:
    """As a producer would write it; a frame without a channel is the REST snapshot."""
    headers = RawHeaders(
        receive_time_ns=time_ns,
        kind="ws" if channel else "snapshot",
        channel=channel or "snapshot",
        connection="bench",
        frame=counter,
        symbol=symbol,
    )
    topic = raw(venue_.exchange, venue_.market).name
    return RawFrame(topic, wire.encode(), frame, tuple(headers.encode()))
