"""Reads ``control.requests``: what workers ask of producers.

Every producer reads all requests and answers those for instruments it collects itself. That needs no consumer group:
however instruments are divided among producers, a request finds its own, and what was asked before this producer started
is asked again by whoever still needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx2
import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD, client_config, patiently
from bookmill.kafka_watch import KnownBrokers, let_go
from bookmill.settings import KafkaSettings
from schemas.catalogue import CONTROL_REQUESTS
from venues.interface import TradeSpan

__all__ = ["ControlReader", "Request"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
_POLL_S = 0.2
_NO_REQUEST = (ValueError, EOFError, LookupError, OverflowError, TypeError)
"""What fastavro makes of bytes that are none: a text cut short, an enum's symbol that is not there, a year 90000."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Request:
    """One request. ``asked_s``: the record's Kafka timestamp, Unix seconds; ``span`` is that of a backfill, ``producer`` who tells.

    ``symbol`` is BASE-QUOTE.
    """

    exchange: str
    market: str
    wire_symbol: str
    kind: str
    reason: str
    asked_s: float
    span: TradeSpan = field(default_factory=TradeSpan)
    producer: str = ""
    symbol: str = ""


class ControlReader:
    """Reads in a thread of its own and calls ``receive`` from it. ``unreadable`` counts records that are no requests."""

    def __init__(
        self,
        settings: KafkaSettings,
        bootstrap_servers: str,
        registry: SchemaRegistryClient,
        receive: Callable[[Request], None],
    ) -> None:
        self.read = 0
        self.unreadable = 0
        self.problem = ""
        self._topic = settings.topic_prefix + CONTROL_REQUESTS.name
        self._receive = receive
        self._deserialize = AvroDeserializer(registry, CONTROL_REQUESTS.schema_text)
        self._stopping = threading.Event()
        self._next: dict[int, int] = {}
        """Where each partition is read next."""
        self._config = {
            **client_config(settings, bootstrap_servers),
            **READ_AHEAD,
            "group.id": f"{settings.topic_prefix}bookmill-producer",  # asked for by the library; never joined
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
        }
        self._brokers, self._consumer = self._connect()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Read what is asked from now on; raises :class:`UnavailableError` when Kafka does not say where now is."""
        try:
            self._next = patiently(self._ends)
            self._assign()
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not give {self._topic}: {error.args[0].str()}.") from error
        self._thread.start()

    def _ends(self) -> dict[int, int]:
        topic, found = self._topic, {}
        for number in self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions:
            place = TopicPartition(topic, number)
            _, found[number] = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        return found

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(_POLL_S)
            if self._brokers.lost:
                let_go(self._consumer, "control requests")
                self._brokers, self._consumer = self._connect()
                self._assign()
                continue
            if message is None:
                continue
            if error := message.error():
                self.problem = error.str()
                _log.warning("control requests cannot be read", reason=self.problem)
                continue
            self.problem = ""
            self._next[message.partition() or 0] = (message.offset() or 0) + 1
            request = self._decode(message)
            if request is not None:
                self.read += 1
                self._receive(request)

    def _connect(self) -> tuple[KnownBrokers, Consumer]:
        brokers = KnownBrokers()
        return brokers, Consumer({**self._config, **brokers.config})

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(self._topic, number, at) for number, at in self._next.items()])

    def _decode(self, message: Message) -> Request | None:
        context = SerializationContext(self._topic, MessageField.VALUE)
        try:
            value = self._deserialize(message.value(), context)
        except (SerializationError, SchemaRegistryError, httpx2.HTTPError, *_NO_REQUEST) as error:
            value, reason = None, str(error)
        else:
            reason = "no value"
        if not isinstance(value, dict):
            # Not worth a dead letter: whoever needs a snapshot asks again every few seconds.
            self.unreadable += 1
            _log.error("control request cannot be read", offset=message.offset(), reason=reason)
            return None
        _, timestamp_ms = message.timestamp()
        return Request(
            value["exchange"],
            value["market"],
            value["wire_symbol"],
            value["kind"],
            value["reason"],
            timestamp_ms / 1000,
            TradeSpan(
                value["first_trade_id"],
                value["last_trade_id"],
                _micros(value["since_time"]),
                _micros(value["until_time"]),
            ),
            value["producer"],
            value["symbol"],
        )


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
