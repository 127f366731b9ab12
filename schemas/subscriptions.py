"""What shall be collected: the desired state in ``control.subscriptions``, read and written by whoever may say so.

One record an instrument, the newest counts; the topic is compacted, so it is the whole list and outlives everybody. Producers
of a group share its partitions and collect what their partitions say (:mod:`producers.subscriptions`). Writing here is all that
is needed to add, change or end a subscription.
"""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient

from bookmill.errors import FrameError, UnavailableError
from bookmill.kafka import client_config
from bookmill.settings import KafkaSettings
from schemas import compacted
from schemas.catalogue import CONTROL_SUBSCRIPTIONS

__all__ = ["Collector", "Desired", "Stored", "SubscriptionStore", "decode", "group_of", "instrument_key"]

_TIMEOUT_S = 15.0
_MOVING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""The group is being moved from broker to broker, or the list of groups is just being made: that passes,"""
_MOVING_S = 5.0
"""mostly within so long."""
_AGAIN_S = 0.2
_HEADER = struct.Struct(">bI")
_UNREADABLE = (
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
)
_schema = fastavro.parse_schema(CONTROL_SUBSCRIPTIONS.schema)
_plain = {
    **CONTROL_SUBSCRIPTIONS.schema,
    "fields": [dict(each) for each in CONTROL_SUBSCRIPTIONS.schema["fields"]],
}
_plain["fields"][-1]["type"] = "long"
_reader = fastavro.parse_schema(_plain)


@dataclass(frozen=True)
class Desired:
    """The desired state of one instrument. ``channels`` in the words of the settings; none: what the producer's settings say."""

    exchange: str
    market: str
    symbol: str
    on: bool
    channels: tuple[str, ...] = ()
    asked_by: str = ""
    asked_micros: int = 0

    @property
    def key(self) -> str:
        """The record's key."""
        return instrument_key(self.exchange, self.market, self.symbol)


@dataclass(frozen=True)
class Stored:
    """A desired state and the partition it stands in: whoever has that partition collects it."""

    desired: Desired
    partition: int


@dataclass(frozen=True)
class Collector:
    """A producer of the group and the partitions of ``control.subscriptions`` that are its own."""

    producer: str
    partitions: frozenset[int] = field(default_factory=frozenset)


def instrument_key(exchange: str, market: str, symbol: str) -> str:
    """``<exchange>.<market>.<symbol>``."""
    return f"{exchange}.{market}.{symbol}"


def group_of(settings: KafkaSettings, group: str) -> str:
    """The name of a consumer group in this installation."""
    return f"{settings.topic_prefix}{group}"


def decode(value: bytes) -> Desired:
    """Read a record's value; raises :class:`FrameError` where it is none. Fields are only ever added at the end of the schema."""
    try:
        if len(value) <= _HEADER.size or value[0] != 0:
            raise ValueError("no schema id before it")
        found: Any = fastavro.schemaless_reader(io.BytesIO(value[_HEADER.size :]), _reader, None)
        return Desired(
            found["exchange"],
            found["market"],
            found["symbol"],
            found["on"],
            tuple(found["channels"]),
            found["asked_by"],
            found["asked_time"],
        )
    except _UNREADABLE as error:
        raise FrameError(f"Not a record of {CONTROL_SUBSCRIPTIONS.name}: {error}.") from error


class SubscriptionStore:
    """Reads and writes ``control.subscriptions``. ``schema_id``: of its registered schema. All methods block.

    Each raises :class:`UnavailableError` where Kafka does not answer.
    """

    def __init__(self, settings: KafkaSettings, bootstrap_servers: str, schema_id: int) -> None:
        self.topic = settings.topic_prefix + CONTROL_SUBSCRIPTIONS.name
        self.unreadable = 0
        """Records of the last reading that are no subscriptions."""
        self._config = client_config(settings, bootstrap_servers)
        self._header = _HEADER.pack(0, schema_id)

    def read(self) -> Mapping[str, Stored]:
        """The newest state of each instrument that has one, by key."""
        self.unreadable = 0
        found: dict[str, Stored] = {}
        for message in compacted.read(self._config, self.topic):
            self._note(message, found)
        return found

    def _note(self, message: Message, found: dict[str, Stored]) -> None:
        key = (message.key() or b"").decode("utf-8", "replace") if isinstance(message.key(), bytes) else ""
        value = message.value()
        if value is None:
            found.pop(key, None)
            return
        try:
            desired = decode(value)
        except FrameError:
            self.unreadable += 1
            return
        found[desired.key] = Stored(desired, message.partition() or 0)

    def write(self, states: Iterable[Desired]) -> None:
        """Store these, each in place of what was desired of its instrument."""
        compacted.write(self._config, self.topic, ((each.key, self._encode(each)) for each in states))

    def _encode(self, desired: Desired) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(
            out,
            _schema,
            {
                "exchange": desired.exchange,
                "market": desired.market,
                "symbol": desired.symbol,
                "on": desired.on,
                "channels": list(desired.channels),
                "asked_by": desired.asked_by,
                "asked_time": desired.asked_micros,
            },
        )
        return self._header + out.getvalue()

    def collectors(self, group: str) -> list[Collector]:
        """The producers of the consumer group ``group`` (prefix included) and what each has; none where nobody is in it."""
        admin = AdminClient(self._config)
        deadline_s = time.monotonic() + _MOVING_S
        while True:
            try:
                answer = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)[group]
                members = answer.result(_TIMEOUT_S).members
                break
            except (KafkaException, TimeoutError) as error:
                code = error.args[0].code() if isinstance(error, KafkaException) else None
                if code == KafkaError.GROUP_ID_NOT_FOUND:
                    return []  # nobody ever was
                if code not in _MOVING or time.monotonic() > deadline_s:
                    reason = error.args[0].name() if isinstance(error, KafkaException) else "no answer"
                    raise UnavailableError(f"Kafka does not describe the group {group}: {reason}.") from error
            time.sleep(_AGAIN_S)
        return [
            Collector(
                member.client_id,
                frozenset(
                    place.partition
                    for place in member.assignment.topic_partitions
                    if place.topic == self.topic
                ),
            )
            for member in members
        ]
