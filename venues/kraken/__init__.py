"""Kraken: spot, by version 2 of its websocket API (protocol page, section 7)."""

from venues.kraken.venue import KrakenSpot

__all__ = ["KrakenSpot"]
