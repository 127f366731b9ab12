"""A record of an event topic becomes an event, unless it was there before or cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Message

from bookmill.errors import FrameError
from gateway.reading import Places
from schemas.catalogue import CONTROL_SUBSCRIPTIONS, Topic
from schemas.decoding import Decoder
from schemas.event_id import HEADER, is_new
from schemas.fields import Event

__all__ = ["Arrival", "Arrivals"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """``event`` None: what the topic had of ``key`` is gone."""

    topic: str
    key: str
    event: Event | None


class Arrivals:
    """``topics`` by their names with the prefix of this installation. Counts what was not taken.

    ``positions``: the offset that comes next in each partition.
    """

    def __init__(self, topics: Mapping[str, Topic], decoder: Decoder) -> None:
        self.positions: Places = {}
        self.duplicates = 0
        self.unreadable = 0
        self._topics = topics
        self._decoder = decoder
        self._marks: dict[tuple[str, int], dict[bytes, bytes]] = {}

    def is_new(self, message: Message) -> bool:
        """Whether a record's event was not there before; by its id, and once each."""
        place = (message.topic() or "", message.partition() or 0)
        offset = message.offset() or 0
        if offset < self.positions.get(place, 0):
            # The topic was made anew: its records start from the beginning, and so may the ids in them.
            self._marks.pop(place, None)
        self.positions[place] = offset + 1
        if not self._topics[place[0]].event_ids:
            return True
        identity = _identity(message)
        if identity is None or is_new(identity, self._marks.setdefault(place, {})):
            return True
        self.duplicates += 1
        return False

    def read(self, message: Message) -> Arrival | None:
        """The event of a record; None where it is none.

        Raises :class:`UnavailableError` where the registry has to be asked and does not answer: the same record may be read
        again.
        """
        topic = self._topics[message.topic() or ""]
        value = message.value()
        if value is None:
            return Arrival(topic.name, _key(message), None)
        try:
            event = self._decoder.decode(topic, value)
        except FrameError as error:
            self.unreadable += 1
            if self.unreadable & (self.unreadable - 1) == 0:  # the 1st, 2nd, 4th, 8th …
                _log.warning(
                    "a record cannot be read",
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    reason=str(error),
                    unreadable=self.unreadable,
                )
            return None
        if topic is CONTROL_SUBSCRIPTIONS:
            event["partition"] = message.partition()  # whoever has it collects the instrument
        return Arrival(topic.name, _key(message), event)


def _identity(message: Message) -> bytes | None:
    headers: Any = message.headers() or ()  # pairs, always, of a record that was read
    for name, value in headers:
        if name == HEADER and isinstance(value, bytes):
            return value
    return None


def _key(message: Message) -> str:
    key = message.key()
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else ""
