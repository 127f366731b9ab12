"""What lines and streams of a market need beside their plan: its address, its way into Kafka, its instruments' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookmill.settings import MarketSettings, ProducerSettings
from producers.connection import Aside
from producers.kafka_writer import KafkaWriter
from producers.line import Line
from producers.openings import Openings
from producers.stream import Stream
from venues.interface import ConnectionPlan, Route, Venue
from venues.messages import Instrument

__all__ = ["MarketLines"]


class MarketLines:
    """Makes them (a :class:`~producers.cohorts.LineMaker`). ``name`` begins the names of lines; ``instruments``: those collected, by wire
    symbol; ``first_word``: see :class:`~producers.line.Line`.
    """

    def __init__(
        self,
        name: str,
        venue: Venue,
        market: MarketSettings,
        settings: ProducerSettings,
        *,
        instruments: Mapping[str, Instrument],
        writer: KafkaWriter,
        topic: str,
        aside: Aside,
        openings: Openings,
        first_word: str,
    ) -> None:
        self._name = name
        self._venue = venue
        self._address = market.websocket_url or venue.websocket_url
        self._proxy = market.proxy.get_secret_value() if market.proxy else None
        self._settings = settings
        self._instruments = instruments
        self._writer = writer
        self._topic = topic
        self._aside = aside
        self._openings = openings
        self._first_word = first_word
        self._trades: dict[str, Stream] = {}
        """The trades of instruments, on whatever line they come."""

    def line(self, number: int, plan: ConnectionPlan, streams: Sequence[Stream], *, succeeds: bool) -> Line:
        """A line, not yet running."""
        self._trades |= {
            stream.route.wire_symbol: stream
            for stream in streams
            if stream.route.channel in self._venue.trade_channels
        }
        return Line(
            f"{self._name}-{number}",
            plan,
            streams,
            venue=self._venue,
            address=self._address,
            settings=self._settings,
            writer=self._writer,
            aside=self._aside,
            proxy=self._proxy,
            openings=self._openings,
            trades=self._trades,
            succeeds=succeeds,
            first_word=self._first_word,
        )

    def stream(self, route: Route) -> Stream:
        """A stream that nobody brings yet."""
        instrument = self._instruments[route.wire_symbol]
        return Stream(
            route,
            instrument.symbol,
            self._topic,
            self._writer,
            unit=instrument.unit.text,
            starts_anew=route.channel in self._venue.image_channels,
        )
