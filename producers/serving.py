"""Serves what workers ask of a market on ``control.requests``: images of books, the venue's way, and trades that are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bookmill.settings import MarketSettings, ProducerSettings
from producers.backfill import Backfills
from producers.kafka_writer import KafkaWriter
from producers.line import Line
from producers.rest import Rest
from producers.resubscriptions import Resubscriptions
from producers.snapshots import Snapshots
from producers.stream import Stream
from producers.traded import Traded
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["Serving"]


class Serving:
    """``lines`` and ``streams`` are those of the market, whichever there are by now, ``instruments`` those collected, by wire symbol.
    Records carry ``name`` with an ending as connection id.
    """

    def __init__(
        self,
        name: str,
        venue: Venue,
        market: MarketSettings,
        settings: ProducerSettings,
        rest: Rest,
        *,
        lines: Sequence[Line],
        streams: Sequence[Stream],
        instruments: Mapping[str, Instrument],
        writer: KafkaWriter,
        topic: str,
    ) -> None:
        self._traded = Traded(lambda: streams, venue.trade_channels)
        self.snapshots: Snapshots | Resubscriptions
        if venue.image_channels:
            self.snapshots = Resubscriptions(
                venue,
                lines,
                instruments,
                again_s=settings.resubscribe_after_s,
                traded=self._traded.of,
            )
        else:
            self.snapshots = Snapshots(
                venue,
                rest,
                writer,
                topic,
                instruments=instruments,
                connection=f"{name}-rest",
                levels=settings.snapshot_depth,
                traded=self._traded.of,
            )
        self.backfills = Backfills(
            venue,
            rest,
            writer,
            topic,
            instruments=instruments,
            connection=f"{name}-backfill",
            most_pages=settings.backfill_pages,
            aggregated=market.trades == "aggTrade",
            has_key=market.api_key is not None,
        )

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.snapshots.run())
            group.create_task(self.backfills.run())
            group.create_task(self._traded.run())
