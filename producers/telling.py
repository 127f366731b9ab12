"""Telling other producers on ``control.requests`` what is collected here, so that they may stop."""

from __future__ import annotations

from producers.kafka_writer import KafkaWriter
from schemas.catalogue import CONTROL_REQUESTS
from schemas.control_request import ControlRequestWriter
from schemas.subscriptions import Desired

__all__ = ["Teller"]


class Teller:
    """Writes in the name of the producer ``producer_id``. ``told`` counts records."""

    def __init__(self, writer: KafkaWriter, prefix: str, schema_id: int, producer_id: str) -> None:
        self.told = 0
        self._writer = writer
        self._topic = prefix + CONTROL_REQUESTS.name
        self._requests = ControlRequestWriter(schema_id)
        self._producer_id = producer_id

    def collected(self, desired: Desired, wire_symbol: str) -> None:
        """All streams of this instrument are delivered from now on."""
        value = self._requests.write(
            "collected",
            desired.exchange,
            desired.market,
            desired.symbol,
            wire_symbol=wire_symbol,
            producer=self._producer_id,
        )
        self._writer.write(self._topic, desired.key.encode(), value, [])
        self.told += 1
