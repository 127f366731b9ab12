"""Where the recorded exchange frames are, and what a correct pipeline makes of them. Absent recordings skip, saying so."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FOLDER", "NAMES", "Recording", "recording"]

FOLDER = Path(
    os.environ.get("BOOKMILL_RECORDINGS") or Path(__file__).resolve().parents[2] / "shared" / "recordings"
)
NAMES = ("spot-btcusdt-2024", "spot-ethusdt-2024", "usdm-btcusdt-2024", "usdm-btcusdt-2023")


@dataclass(frozen=True)
class Recording:
    """One Binance recording of a market (spot, usdm). ``expected`` as in ``expected.json``; ``paths`` in order."""

    name: str
    market: str
    symbol: str
    paths: tuple[Path, ...]
    expected: dict[str, Any]

    @property
    def wire_symbol(self) -> str:
        """As the exchange spells it."""
        return self.symbol.replace("-", "")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Receive time in ns and frame of each line."""
        for path in self.paths:
            with gzip.open(path) as file:
                for line in file:
                    time, _, frame = line.rstrip(b"\n").partition(b" ")
                    yield int(time) * (1000 if len(time) == 16 else 1), frame


def recording(name: str) -> Recording:
    """The recording of that name; skips the test where the recordings are not."""
    if not (FOLDER / "expected.json").is_file():
        pytest.skip(f"no recordings at {FOLDER}: set BOOKMILL_RECORDINGS to where they are")
    expected = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))[name]
    market = name.partition("-")[0]
    paths = tuple(FOLDER / f"binance-{market}" / file for file in expected["files"])
    return Recording(name, market, expected["symbol"], paths, expected)
