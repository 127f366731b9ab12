"""The simulated exchanges as the demo sees them: how they are started, where they listen, what they say they have sent.

Markets are named ``exchange.market``. All run in one process, so there is one to start, to ask and to stop.
"""

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
    """One ``bookmill simulate`` process on ports that stay the same when it is started again.

    ``offered``: symbols by market, in the order of their ports: markets of an exchange beside each other. ``narrowed``: they are
    not all the markets and symbols that the exchange would open by itself. Only one exchange can be narrowed, or play recordings.
    """

    def __init__(
        self,
        offered: Mapping[str, Sequence[str]],
        *,
        narrowed: bool,
        rate: float,
        seed: int,
        speed: str,
        recordings: Sequence[Played],
        port: int,
    ) -> None:
        self._offered = {market: list(symbols) for market, symbols in offered.items()}
        self._narrowed = narrowed
        self._rate = rate
        self._seed = seed
        self._speed = speed
        self._recordings = tuple(recordings)
        self._port = port
        self._present: dict[str, Sent] = {}
        self._before: Counter[tuple[str, str]] = Counter()

    @property
    def markets(self) -> tuple[str, ...]:
        """``exchange.market`` of each."""
        return tuple(self._offered)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Names of the exchanges."""
        return tuple(dict.fromkeys(market.partition(".")[0] for market in self._offered))

    @property
    def plays_recordings(self) -> bool:
        """Whether it comes to an end."""
        return bool(self._recordings)

    def arguments(self) -> list[str]:
        """Of ``bookmill``."""
        arguments = ["simulate", "--exchange", ",".join(self.exchanges), "--port", str(self._port)]
        if self._narrowed or self._recordings:
            for market in self.markets:
                arguments += ["--market", market.partition(".")[2]]
        if self._recordings:
            arguments += ["--speed", self._speed]
            for recording in self._recordings:
                arguments += ["--recording", recording.option]
        else:
            if self._narrowed:
                arguments += ["--symbols", ",".join(next(iter(self._offered.values())))]
            arguments += ["--rate", str(self._rate), "--seed", str(self._seed)]
        return arguments

    def symbols(self, market: str) -> list[str]:
        """What is listed on a market."""
        return self._offered[market]

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
            if len(self.exchanges) == 1:
                final = {self.exchanges[0]: final}
            found = {market: Sent.of(_at(final, market)) for market in self.markets}
        except (IndexError, ValueError, KeyError, TypeError):
            return  # it was killed: what it said last stands
        self._present = found

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


def _at(final: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    exchange, _, market = name.partition(".")
    found: Mapping[str, Any] = final[exchange][market]
    return found
