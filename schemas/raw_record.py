"""What stands around a frame in a raw topic: the headers a consumer needs before it looks into the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "RawHeaders"]

Kind = Literal["ws", "snapshot", "poll", "backfill", "lost"]


@dataclass(frozen=True, slots=True)
class RawHeaders:
    """The headers of one raw record, in their order on the wire; values are ASCII.

    ``receive_time_ns``: Unix time in ns when the frame was read from the socket (or the REST answer was complete).
    ``kind``: ws, snapshot, poll, backfill, or lost: no frame but the producer's word that frames of the channel may be missing, its
    value says why. ``channel``: the exchange's own name: depth, trade, aggTrade, bookTicker, snapshot, …; backfill: a page of
    past trades, backfill.end: what is said behind the last one.
    ``connection``: id of the connection, ``frame``: its frame counter from 0; together they show a loss inside a producer.
    ``symbol``: BASE-QUOTE by the exchange's own metadata, so that no consumer has to guess it from the wire symbol.
    ``unit``: what the exchange's quantities are, as ``venues.units`` writes it; base units, which most are, have no header.
    """

    receive_time_ns: int
    kind: Kind
    channel: str
    connection: str
    frame: int
    symbol: str
    unit: str = ""

    def encode(self) -> list[tuple[str, bytes]]:
        """As Kafka headers."""
        headers = [
            ("receive_time_ns", b"%d" % self.receive_time_ns),
            ("kind", self.kind.encode()),
            ("channel", self.channel.encode()),
            ("connection", self.connection.encode()),
            ("frame", b"%d" % self.frame),
            ("symbol", self.symbol.encode()),
        ]
        if self.unit:
            headers.append(("unit", self.unit.encode()))
        return headers
