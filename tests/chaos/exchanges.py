"""The simulated exchanges in a thread of their own, and what can be done to them from another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from simulator.registry import dialect
from simulator.simulated_market import MarketConfig
from simulator.simulator import Simulator, SimulatorConfig, Simulators
from tests.chaos.truth import Truth, Witness

__all__ = ["Exchanges"]

_T = TypeVar("_T")
_CALL_S = 30.0
_CHANNELS: Mapping[tuple[str, str], str] = {
    ("binance", "book"): "{lower}@depth@100ms",
    ("okx", "book"): "books:{wire}",
    ("kraken", "book"): "book.1000:{wire}",
    ("deribit", "book"): "book.{wire}.100ms",
    ("binance", "trades"): "{lower}@trade",
    ("okx", "trades"): "trades-all:{wire}",
    ("kraken", "trades"): "trade:{wire}",
    ("deribit", "trades"): "trades.{wire}.100ms",
}
"""What producers subscribe to."""
_LIQUIDATIONS: Mapping[str, str] = {"binance.usdm": "liquidate", "okx.swap": "liquidation"}
"""Scenarios of the simulated contract markets that tell liquidations in a stream of their own."""


class Exchanges:
    """Markets (``binance.spot``) with so many of their usual instruments each, at ``rate`` frames a second a market."""

    def __init__(self, markets: Mapping[str, int], *, rate: float, seed: int) -> None:
        self.symbols: dict[str, tuple[str, ...]] = {}
        configs: dict[str, dict[str, MarketConfig]] = {}
        for name, count in markets.items():
            exchange, _, market = name.partition(".")
            self.symbols[name] = dialect(exchange, market).default_symbols[:count]
            configs.setdefault(exchange, {})[market] = MarketConfig(
                symbols=self.symbols[name], rate=rate, seed=seed
            )
        self._simulators = Simulators(SimulatorConfig(name, chosen) for name, chosen in configs.items())
        self._witnesses: dict[str, Witness] = {}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._opened = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="exchanges", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._opened.wait()
        if self._problem:
            raise self._problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # it has ended by itself: its problem is known
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_CALL_S)

    @property
    def truths(self) -> dict[str, Truth]:
        """By ``exchange.market.symbol``. To be read while nobody trades."""
        return {name: one for witness in self._witnesses.values() for name, one in witness.truths.items()}

    @property
    def corrupted(self) -> set[bytes]:
        """Frames that were torn."""
        return set().union(*(witness.corrupted for witness in self._witnesses.values()))

    def addresses(self, market: str) -> dict[str, str]:
        """``websocket`` and ``rest``."""
        simulator, name = self._of(market)
        return simulator.addresses[name]

    def fault(self, market: str, name: str, **arguments: Any) -> None:
        """A method of :class:`simulator.faults.Faults`."""
        simulator, own = self._of(market)
        self._call(lambda: simulator.faults(own).apply(name, arguments))

    def disturb(self, market: str, which: int, stream: str, what: str, count: int) -> None:
        """Something happens to the next frames of one instrument."""
        self.fault(market, "disturb", stream=self._channel(market, which, stream), what=what, count=count)

    def set_clock(self, market: str, ahead_s: float) -> None:
        """The exchange's clock jumps."""
        simulator, own = self._of(market)
        self._call(lambda: simulator.set_clock(own, ahead_s=ahead_s))

    def behave(self) -> None:
        """Nothing goes wrong any more."""

        def calm() -> None:
            for simulator in self._simulators.exchanges.values():
                for name, market in simulator._markets.items():
                    market.faults.refusing = False
                    market.rest_faults._waiting.clear()
                    simulator.set_clock(name, ahead_s=0)
                    for channel in market.hub.channels.values():
                        channel.disturbances.clear()

        self._call(calm)

    @property
    def disturbed(self) -> bool:
        """Whether a frame is still held back."""
        return self._call(
            lambda: any(
                channel.held
                for simulator in self._simulators.exchanges.values()
                for market in simulator._markets.values()
                for channel in market.hub.channels.values()
            )
        )

    @property
    def listened_to(self) -> bool:
        """Whether somebody is subscribed to the trades of every instrument: at Kraken's pace that is seconds after its books."""

        def subscribed() -> bool:
            for market, symbols in self.symbols.items():
                simulator, own = self._of(market)
                channels = simulator.hub(own).channels
                names = (self._channel(market, which, "trades") for which in range(len(symbols)))
                if not all(channels[name].subscribers for name in names):
                    return False
            return True

        return self._call(subscribed)

    def begin(self) -> None:
        """What is traded from now on has to arrive."""

        def mark() -> None:
            for truth in self.truths.values():
                truth.since = len(truth.trades)

        self._call(mark)

    def traded(self) -> dict[str, tuple[int, int]]:
        """Trades and changes of the book so far, by instrument."""
        return self._call(
            lambda: {name: (len(one.trades), len(one.books)) for name, one in self.truths.items()}
        )

    def liquidate(self) -> None:
        """Of each contract a position is closed by force within a second: else it is seldom that one is, and a gap of that stream is
        closed by nothing but its next frame."""
        for market, name in _LIQUIDATIONS.items():
            simulator, own = self._of(market)
            for symbol in self.symbols[market]:
                self._call(partial(simulator.faults(own).scenario, symbol, name))

    def halt(self) -> None:
        """Nobody orders any more."""
        for market in self._witnesses:
            simulator, own = self._of(market)
            self._call(lambda simulator=simulator, own=own: simulator.let_trade(own, on=False))

    def finish(self) -> None:
        """Once the last changes are told: note the books."""
        for witness in self._witnesses.values():
            self._call(witness.finish)

    def problems(self) -> list[str]:
        """Markets that stopped playing."""
        return [
            f"the simulated {exchange}.{market} stopped: {problem}"
            for exchange, simulator in self._simulators.exchanges.items()
            for market, problem in self._call(simulator.problems).items()
        ]

    def _of(self, market: str) -> tuple[Simulator, str]:
        exchange, _, own = market.partition(".")
        return self._simulators[exchange], own

    def _channel(self, market: str, which: int, stream: str) -> str:
        exchange, _, own = market.partition(".")
        wire = dialect(exchange, own).wire(self.symbols[market][which])
        return _CHANNELS[exchange, stream].format(wire=wire, lower=wire.lower())

    def _call(self, what: Callable[[], _T]) -> _T:
        async def call() -> _T:
            return what()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_CALL_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001  told where the thread was started
            self._problem = error
        finally:
            self._opened.set()
            self._loop.close()

    async def _serve(self) -> None:
        async with self._simulators as simulators:
            for exchange, simulator in simulators.exchanges.items():
                for market in simulator.addresses:
                    name = f"{exchange}.{market}"
                    witness = self._witnesses[name] = Witness(exchange, market, simulator)
                    for which, symbol in enumerate(self.symbols[name]):
                        channel = simulator.hub(market).channels[self._channel(name, which, "book")]
                        witness.watch_dropping(channel, f"{name}.{symbol}")
            self._opened.set()
            await self._stop.wait()
