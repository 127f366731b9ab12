"""What is wanted of a market, and what of it is collected: as the exchange lists it, which may change while we run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bookmill.errors import ConfigurationError
from bookmill.settings import MarketSettings
from producers.cohorts import Cohorts
from producers.instruments import choose
from producers.listing import InstrumentLog, Listing
from venues.interface import CHANNELS, Channel, StreamOptions, Venue
from venues.messages import Instrument

__all__ = ["Wanted"]

_log = structlog.get_logger(__name__)


class Wanted:
    """``collected`` is filled here: the instruments, by wire symbol; ``described`` those that were, too. ``learned`` is set when the
    exchange has told what it has: ``own`` are those of the settings, ``unknown`` has a sentence for each that it does not have.
    ``polled``: no streams of ``cohorts`` are wanted.
    """

    def __init__(
        self,
        name: str,
        venue: Venue,
        market: MarketSettings,
        *,
        collected: dict[str, Instrument],
        cohorts: Cohorts,
        instrument_log: InstrumentLog,
        polled: bool,
    ) -> None:
        self.learned = asyncio.Event()
        self.own: tuple[str, ...] = ()
        self.unknown: dict[str, str] = {}
        self.disabled: dict[str, str] = {}
        """Collected instruments that the exchange does not trade (any more), by symbol, with a sentence each."""
        self.described: dict[str, Instrument] = {}
        self._listing = Listing(venue, instrument_log, self._change)
        self._name = name
        self._venue = venue
        self._market = market
        self._collected = collected
        self._cohorts = cohorts
        self._polled = polled
        self._offered: dict[str, Instrument] = {}
        """What the exchange has, by symbol."""
        self._wanted: dict[str, tuple[str, ...]] = {}
        """What shall be collected, by symbol, with its channels; none: those of the settings."""

    def learn(self, offered: Sequence[Instrument], *, shared: bool) -> None:
        """The first listing: what is wanted already is collected from now on; unless it is ``shared``, that is what the settings name.

        Raises :class:`ConfigurationError` when none of that exists.
        """
        self._take(offered)
        choice = choose(self._market.symbols, list(self._offered.values()), self._name)
        self.unknown = dict(choice.unknown)
        for sentence in self.unknown.values():
            _log.error("symbol is not collected", market=self._name, reason=sentence)
        self._offered |= {one.symbol: one for one in choice.instruments}
        self.own = tuple(one.symbol for one in choice.instruments)
        if not shared:
            if not self.own:
                raise ConfigurationError(
                    " ".join(self.unknown.values()) or f"{self._name} has no symbols to collect.",
                    hint=f"Set exchanges.{self._name}.symbols, or give --symbols.",
                )
            self._wanted = dict.fromkeys(self.own, ())
        self.learned.set()
        self._name_passed_over()
        for symbol in self._wanted:
            self._begin(symbol)

    def update(self, offered: Sequence[Instrument]) -> None:
        """A later listing."""
        self._take(offered)
        for symbol in self._wanted:  # one that was not there may be now
            if self.wire_symbol(symbol) not in self._collected:
                self._begin(symbol)

    def want(self, symbol: str, channels: Sequence[str]) -> None:
        """Collect an instrument from now on, with these channels, none: those of the settings."""
        self._wanted[symbol] = tuple(channels)
        if self.learned.is_set():
            self._begin(symbol)

    def drop(self, symbol: str) -> Sequence[str]:
        """Collect an instrument no longer; the wire symbols that go."""
        self._wanted.pop(symbol, None)
        self.disabled.pop(symbol, None)
        gone = [wire for wire, one in self._collected.items() if one.symbol == symbol]
        for wire_symbol in gone:
            del self._collected[wire_symbol]
            self._cohorts.drop(wire_symbol)
        return gone

    def refusal(self, symbol: str, channels: Sequence[str]) -> str:
        """Why an instrument cannot be collected, in a sentence; empty where it can, or nobody knows yet."""
        if not self.learned.is_set():
            return ""
        if symbol not in self._offered:
            others = choose((symbol,), list(self._offered.values()), self._name)
            if others.instruments:  # the exchange's own spelling: one instrument has one name here
                return f"{self._name} calls '{symbol}' {others.instruments[0].symbol}: subscribe that."
            return others.unknown[symbol]
        if not self._options(channels).channels:
            return f"{self._name} has none of the channels wanted of {symbol}."
        return ""

    def delivers(self, symbol: str) -> bool:
        """Whether all streams of an instrument come."""
        instrument = self._offered.get(symbol)
        if instrument is None or instrument.wire_symbol not in self._collected:
            return False
        return self._polled or self._cohorts.delivers(instrument.wire_symbol)

    def wire_symbol(self, symbol: str) -> str:
        """The exchange's own spelling; empty where it has no such instrument."""
        instrument = self._offered.get(symbol)
        return instrument.wire_symbol if instrument else ""

    def channels(self, wire_symbol: str) -> Sequence[Channel]:
        """Those wanted of an instrument, or were."""
        return self._options(self._wanted.get(self.described[wire_symbol].symbol, ())).channels

    def collects(self, wire_symbol: str) -> bool:
        """Whether it is collected, and traded."""
        return wire_symbol in self._collected and self._collected[wire_symbol].symbol not in self.disabled

    def _begin(self, symbol: str) -> None:
        channels = self._wanted[symbol]
        if self.refusal(symbol, channels):
            return
        instrument = self._offered[symbol]
        self._collected[instrument.wire_symbol] = self.described[instrument.wire_symbol] = instrument
        if not instrument.trading:
            self._disable(
                instrument, f"is not trading{f' ({instrument.status})' if instrument.status else ''}"
            )
        if not self._polled:
            self._cohorts.want(instrument.wire_symbol, self._options(channels))

    def _options(self, channels: Sequence[str]) -> StreamOptions:
        wanted = channels or self._market.channels
        return StreamOptions(
            tuple(channel for channel in CHANNELS if channel in wanted and channel in self._venue.channels),
            aggregated_trades=self._market.trades == "aggTrade",
            kline_intervals=self._market.kline_intervals,
        )

    def _name_passed_over(self) -> None:
        bars = [bar for bar in self._market.kline_intervals if bar not in self._venue.kline_intervals]
        if bars and "klines" in self._market.channels and "klines" in self._venue.channels:
            _log.info("bars are passed over, the exchange has none such", market=self._name, bars=bars)

    def _take(self, offered: Sequence[Instrument]) -> None:
        self._listing.take(offered)
        self._offered = {one.symbol: one for one in offered}
        self._offered |= {one.symbol: one for one in offered if one.wire_symbol in self._collected}

    def _change(self, instrument: Instrument, what: str) -> None:
        """One of ours goes, and does not stop the others; or comes back."""
        if instrument.wire_symbol not in self._collected:
            return
        if what == "is trading again":
            self.disabled.pop(instrument.symbol, None)
        elif what.startswith("is not"):
            self._disable(instrument, what)
        _log.warning("instrument has changed", market=self._name, symbol=instrument.symbol, what=what)
        self._collected[instrument.wire_symbol] = self.described[instrument.wire_symbol] = instrument
        for stream in self._cohorts.streams:
            if stream.route.wire_symbol == instrument.wire_symbol:
                stream.describe(instrument.symbol, instrument.unit.text)

    def _disable(self, instrument: Instrument, what: str) -> None:
        self.disabled[instrument.symbol] = f"{self._name} {instrument.symbol} {what}"
        _log.warning("instrument is not trading", market=self._name, symbol=instrument.symbol, what=what)
