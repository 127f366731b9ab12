"""The recordings of other exchanges than Binance, and what slow exact code that shares nothing with the project makes of them."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.recordings import FOLDER

__all__ = ["Expected", "deribit_files", "kraken", "kraken_file", "okx", "okx_files"]

_RECEIVED = re.compile(r"(\d+\.\d+): (\{.*\})")


@dataclass
class Expected:
    """Of one instrument: changes of the top (price or quantity, the first book too), trades, tickers, the last best levels."""

    top_changes: int = 0
    trades: int = 0
    quantity: Decimal = Decimal(0)
    tickers: int = 0
    checksums: int = 0
    top: tuple[Any, ...] = ()
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def book(self, bids: list[Any], asks: list[Any], *, image: bool) -> None:
        """Apply one frame's levels."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            if image:
                side.clear()
            for price, quantity in levels:
                side[Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del side[Decimal(price)]

    def note_top(self) -> None:
        """Count a change."""
        bid, ask = max(self.bids, default=None), min(self.asks, default=None)
        top = (bid, bid and self.bids[bid], ask, ask and self.asks[ask])
        self.top_changes += top != self.top
        self.top = top


def _folder(name: str) -> Path:
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    return folder


def okx_files() -> tuple[Path, Path]:
    """The instruments, and the session of 11 s in May 2022."""
    return _folder("okx") / "OKX.0.gz", _folder("okx") / "OKX.ws.1.0.gz"


def deribit_files() -> tuple[Path, Path]:
    """The instruments, and a session with option books."""
    return _folder("deribit") / "DERIBIT.0.gz", _folder("deribit") / "DERIBIT.ws.1.0.gz"


def _frames(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if found := _RECEIVED.match(line):
                yield json.loads(found[2], parse_float=Decimal)


def okx(instrument: str) -> Expected:
    """What the session says of one instrument."""
    expected = Expected()
    for frame in _frames(okx_files()[1]):
        argument = frame.get("arg", {})
        if argument.get("instId") != instrument or "data" not in frame:
            continue
        for row in frame["data"]:
            if argument["channel"] == "books":
                bids, asks = ([level[:2] for level in row[side]] for side in ("bids", "asks"))
                expected.book(bids, asks, image=frame["action"] == "snapshot")
                expected.note_top()
                expected.checksums += 1
            elif argument["channel"] == "trades":
                expected.trades += 1
                expected.quantity += Decimal(row["sz"])
            elif argument["channel"] == "tickers":
                expected.tickers += 1
    return expected


def kraken_file(folder: Path) -> Path:
    """The derived frames as a recording with receive times: those of the frames, the first like the second."""
    source = _folder("kraken-v2") / "DERIVED_btcusd_d10_wireform.jsonl.gz"
    with gzip.open(source, "rb") as file:
        frames = [line.rstrip(b"\n") for line in file]
    target = folder / "kraken-btcusd-depth-10"
    with target.open("wb") as lines:
        for number, frame in enumerate(frames):
            lines.write(b"%d %b\n" % (1_690_730_998_000_000_000 + number * 1_000_000, frame))
    return target


def kraken() -> Expected:
    """What the derived frames say, the book cut to ten levels, each checksum computed from the frames' own digits."""
    expected, text = Expected(), {}
    source = _folder("kraken-v2") / "DERIVED_btcusd_d10_wireform.jsonl.gz"
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            frame = json.loads(line, parse_float=str)
            [row] = frame["data"]
            sides = [[(each["price"], each["qty"]) for each in row[side]] for side in ("bids", "asks")]
            text |= {(Decimal(p), Decimal(q)): (p, q) for side in sides for p, q in side}
            expected.book(*sides, image=frame["type"] == "snapshot")
            for price in sorted(expected.bids, reverse=True)[10:]:
                del expected.bids[price]
            for price in sorted(expected.asks)[10:]:
                del expected.asks[price]
            best = [
                [(p, expected.asks[p]) for p in sorted(expected.asks)],
                [(p, expected.bids[p]) for p in sorted(expected.bids, reverse=True)],
            ]
            digits = "".join(
                number.replace(".", "").lstrip("0")
                for side in best
                for level in side
                for number in text[level]
            )
            expected.checksums += zlib.crc32(digits.encode()) == row["checksum"]
            expected.note_top()
    return expected
