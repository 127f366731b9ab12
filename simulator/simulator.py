"""The simulated exchange as a whole: markets with their sockets, and what tests and commands ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from bookmill.errors import ConfigurationError
from simulator.faults import Faults
from simulator.feed import Truth
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.registry import dialect, usual_markets
from simulator.simulated_market import MarketConfig, SimulatedMarket

__all__ = ["Simulator", "SimulatorConfig", "Simulators"]


@dataclass(frozen=True)
class SimulatorConfig:
    """The markets of one exchange, by name; without any the exchange's usual ones."""

    exchange: str = "binance"
    markets: Mapping[str, MarketConfig] = field(default_factory=dict)
    host: str = "127.0.0.1"


class Simulator:
    """A simulated exchange: an asynchronous context manager that listens while it is open.

    ``addresses`` by market: ``{"websocket": "ws://host:port", "rest": "http://host:port"}``.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        markets = config.markets or {name: MarketConfig() for name in usual_markets(config.exchange)}
        self._host = config.host
        self._opened = AsyncExitStack()
        self._markets = {
            name: SimulatedMarket(dialect(config.exchange, name, market.clock_scale), market)
            for name, market in markets.items()
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
        return self._live(market).books[wire_symbol].truth()

    def let_trade(self, market: str, *, on: bool) -> None:
        """Whether anybody orders on a synthetic market. Within a tenth of a second without orders its last changes are told."""
        self._live(market).orders = on

    def set_clock(self, market: str, *, ahead_s: float) -> None:
        """Let a synthetic market's clock jump: it is so far ahead of the machine's from now on, behind it where negative."""
        self._live(market).ahead_ms = int(ahead_s * 1000)

    def hub(self, market: str) -> Hub:
        """Channels, feeds and subscribers of a market."""
        return self._markets[market].hub

    def _live(self, market: str) -> LiveMarket:
        live = self._markets[market].live
        if live is None:
            raise ConfigurationError(
                f"The market '{market}' plays a recording: its truth is in the recording."
            )
        return live


class Simulators:
    """Several exchanges in one process, open and closed together; each is a :class:`Simulator` of ``exchanges``."""

    def __init__(self, configs: Iterable[SimulatorConfig]) -> None:
        self.exchanges = {config.exchange: Simulator(config) for config in configs}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            for simulator in self.exchanges.values():
                await opened.enter_async_context(simulator)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    def __getitem__(self, exchange: str) -> Simulator:
        return self.exchanges[exchange]

    @property
    def addresses(self) -> dict[str, dict[str, dict[str, str]]]:
        """Where each market of each exchange listens."""
        return {name: simulator.addresses for name, simulator in self.exchanges.items()}

    def counts(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What was sent, by exchange and market."""
        return {name: simulator.counts() for name, simulator in self.exchanges.items()}
