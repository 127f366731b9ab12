"""The simulated exchange as the demo sees it: how it is started, where it listens, what it says it has sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookmill.demo.recordings import Played

__all__ = ["Sent", "SimulatedExchange"]

_TAIL_BYTES = 1 << 20
Fetch = Callable[[str], Any]


@dataclass(frozen=True)
class Sent:
    """What one market sent: frames over websockets (one per subscriber) and depth snapshots over REST."""

    frames: int = 0
    snapshots: int = 0
    finished: bool = False

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> Sent:
        """From the simulator's counts of a market."""
        return cls(counts["frames_sent"], counts["rest"]["snapshots"], bool(counts["finished"]))


class SimulatedExchange:
    """One ``bookmill simulate`` process on ports that stay the same when it is started again."""

    name = "binance"

    def __init__(
        self,
        markets: Sequence[str],
        symbols: Sequence[str],
        *,
        rate: float,
        seed: int,
        speed: str,
        recordings: Sequence[Played],
        port: int,
    ) -> None:
        self.markets = tuple(dict.fromkeys(each.market for each in recordings)) or tuple(markets)
        self._symbols = tuple(symbols)
        self._rate = rate
        self._seed = seed
        self._speed = speed
        self._recordings = tuple(recordings)
        self._port = port
        self._present: dict[str, Sent] = {}
        self._before: Counter[tuple[str, str]] = Counter()

    @property
    def plays_recordings(self) -> bool:
        """Whether it comes to an end."""
        return bool(self._recordings)

    def arguments(self) -> list[str]:
        """Of ``bookmill``."""
        arguments = ["simulate", "--exchange", self.name, "--port", str(self._port)]
        for market in self.markets:
            arguments += ["--market", market]
        if self._recordings:
            arguments += ["--speed", self._speed]
            for recording in self._recordings:
                arguments += ["--recording", recording.option]
        else:
            arguments += ["--symbols", ",".join(self._symbols), "--rate", str(self._rate)]
            arguments += ["--seed", str(self._seed)]
        return arguments

    def symbols(self, market: str) -> list[str]:
        """What is listed on a market."""
        if not self._recordings:
            return list(self._symbols)
        return [each.symbol for each in self._recordings if each.market == market]

    def addresses(self, market: str) -> tuple[str, str]:
        """Websocket and REST addresses of a market."""
        first = self._port + 2 * self.markets.index(market)
        return f"ws://127.0.0.1:{first}", f"http://127.0.0.1:{first + 1}"

    def ask(self, fetch: Fetch) -> None:
        """Note what it says it has sent until now; ``fetch`` gets the JSON at a URL, None where nobody answers."""
        for market in self.markets:
            counts = fetch(f"{self.addresses(market)[1]}/simulator/counts")
            if counts:
                self._present[market] = Sent.of(counts)

    def began_anew(self) -> None:
        """Its process is another one, which counts from 0: keep what the one before was last known to have sent."""
        for market, sent in self._present.items():
            self._before[market, "frames"] += sent.frames
            self._before[market, "snapshots"] += sent.snapshots
        self._present = {}

    def read_last_words(self, log_path: Path) -> None:
        """After its end: its final counts, the last line it wrote."""
        with log_path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            lines = log.read().splitlines()
        try:
            final = json.loads(lines[-1])
            self._present = {market: Sent.of(final[market]) for market in self.markets}
        except (IndexError, ValueError, KeyError, TypeError):
            return  # it was killed: what it said last stands

    def sent(self, market: str) -> Sent:
        """All that was sent on a market."""
        present = self._present.get(market, Sent())
        return Sent(
            present.frames + self._before[market, "frames"],
            present.snapshots + self._before[market, "snapshots"],
            present.finished,
        )

    @property
    def finished(self) -> bool:
        """Whether all recordings were played to their ends."""
        return self.plays_recordings and all(
            market in self._present and self._present[market].finished for market in self.markets
        )
