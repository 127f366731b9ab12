"""Records that cannot be stored: to the dead-letter topic, acknowledged, before anything says they were dealt with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bookmill.errors import BookmillError, UnavailableError
from bookmill.kafka import client_config
from bookmill.settings import KafkaSettings
from schemas.catalogue import dead_letters

__all__ = ["DeadLetters"]

_log = structlog.get_logger(__name__)
_Headers = list[tuple[str, str | bytes | None]]
_Delivered = Callable[[KafkaError | None, Message], None]

_FLUSH_S = 30.0
_ERRORS = "__connect.errors."
_STAGE = "TASK_PUT"


class DeadLetters:
    """Writes original key, value and headers, and the reason in the headers that Kafka Connect uses."""

    def __init__(self, settings: KafkaSettings, bootstrap_servers: str, *, connector: str) -> None:
        self._connector = connector
        self._config = {
            **client_config(settings, bootstrap_servers),
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": int(_FLUSH_S * 1000),
            "compression.type": "lz4",
        }
        self._producer = Producer(self._config)

    def write(self, letters: Sequence[tuple[Message, BookmillError]]) -> None:
        """Write all of ``letters`` (record and what was wrong with it) and wait until Kafka has them.

        Raises :class:`UnavailableError` when it does not take them all; some may then be written twice.
        """
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        try:
            for message, wrong in letters:
                self._produce(message, self._headers(message, wrong), delivered)
            left = self._producer.flush(_FLUSH_S)
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not take dead letters: {error.args[0].str()}.") from error
        if failures or left:
            reason = failures[0].str() if failures else f"{left} are not acknowledged"
            self._producer.purge()
            self._producer.flush(1.0)
            self._producer = Producer(
                self._config
            )  # one that has lost its brokers would never find them again
            raise UnavailableError(f"Kafka does not take dead letters: {reason}.")
        first, wrong = letters[0]
        _log.warning(
            "dead letters written",
            count=len(letters),
            topic=first.topic(),
            partition=first.partition(),
            offset=first.offset(),
            reason=str(wrong),
        )

    def _produce(self, message: Message, headers: _Headers, delivered: _Delivered) -> None:
        topic = dead_letters(message.topic() or "").name
        while True:
            try:
                self._producer.produce(
                    topic,
                    key=message.key(),
                    value=message.value(),
                    headers=headers,
                    partition=message.partition() or 0,
                    on_delivery=delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _headers(self, message: Message, error: BookmillError) -> _Headers:
        about = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "connector.name": self._connector,
            "task.id": 0,
            "stage": _STAGE,
            "exception.class.name": type(error).__name__,
            "exception.message": error,
        }
        original: Any = message.headers() or []  # pairs, always, of a record that was read
        return [*original, *((_ERRORS + name, str(value).encode()) for name, value in about.items())]
