"""Finds out which market and instrument a recording is of, from its frames, so that the user need not say it.

Only Binance's form is known: ``<receive time> {"stream":"btcusdt@depth…","data":{…}}`` a line, plain or gzip. A USD-M diff
names the update before it (``pu``), a spot diff does not; where no diff stands near the beginning the folder's name decides.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bookmill.errors import RecordingError

__all__ = ["Played", "identify"]

_LINES = 2000
_QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD")
_MARKETS = ("spot", "usdm")


@dataclass(frozen=True)
class Played:
    """One recording: several files of the same instrument are one, in the order given."""

    market: str
    symbol: str
    paths: tuple[Path, ...]

    @property
    def option(self) -> str:
        """As ``bookmill simulate --recording`` takes it."""
        return f"{self.market}:{self.symbol}={','.join(map(str, self.paths))}"


def identify(
    paths: Sequence[Path], *, market: str | None = None, symbol: str | None = None
) -> tuple[Played, ...]:
    """The recordings that the files are; ``market`` and ``symbol``, where given, are believed instead of the frames.

    Raises :class:`RecordingError` when a file cannot be read or does not tell what it is of.
    """
    found: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        told = _look(path) if market is None or symbol is None else (market, symbol)
        found.setdefault((market or told[0], symbol or told[1]), []).append(path)
    return tuple(Played(*instrument, tuple(files)) for instrument, files in found.items())


def _look(path: Path) -> tuple[str, str]:
    market = next((name for name in _MARKETS if name in path.parent.name.lower()), None)
    symbol = None
    for frame in _frames(path):
        stream, data = str(frame["stream"]), frame["data"]
        symbol = symbol or _symbol(stream.partition("@")[0], path)
        if "@depth" in stream and isinstance(data, Mapping):
            market = "usdm" if "pu" in data else "spot"
        if market and symbol:
            return market, symbol
    if symbol is None:
        raise RecordingError(
            f"{path} is no recording of Binance frames: there is none in its first {_LINES} lines."
        )
    raise RecordingError(
        f"The recording {path} does not tell its market.",
        hint="Say it with --market spot or --market usdm.",
    )


def _frames(path: Path) -> Iterable[Mapping[str, object]]:
    for line in _first_lines(path):
        try:
            frame = json.loads(line.partition(b" ")[2])
        except ValueError:
            continue  # whether each line is good is said, with its number, when it is played
        if isinstance(frame, Mapping) and isinstance(frame.get("stream"), str) and "data" in frame:
            yield frame


def _first_lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as lines:
            return list(islice(lines, _LINES))
    except FileNotFoundError as error:
        raise RecordingError(f"The recording {path} does not exist.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(f"The recording {path} is damaged: {str(error).rstrip('.')}.") from error
    except OSError as error:
        raise RecordingError(f"The recording {path} cannot be read: {error.strerror}.") from error


def _symbol(wire: str, path: Path) -> str:
    """``btcusdt`` as ``BTC-USDT``."""
    upper = wire.upper()
    for quote in _QUOTES:
        if upper.endswith(quote) and upper != quote:
            return f"{upper.removesuffix(quote)}-{quote}"
    raise RecordingError(
        f"The recording {path} is of '{wire}', which ends with no quote asset known here.",
        hint="Say its symbol and market, like --symbols BTC-USDT --market spot.",
    )
