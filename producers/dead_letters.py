"""Frames that belong to no stream and say nothing we know: to the raw topic's dead letters, with the reason."""

from __future__ import annotations

from producers.kafka_writer import Headers, KafkaWriter
from schemas.catalogue import dead_letters

__all__ = ["write_dead_letter"]


def write_dead_letter(writer: KafkaWriter, raw_topic: str, frame: bytes, time_ns: int, reason: str) -> None:
    """Write the frame as it came. It has no offset: it never was in the raw topic."""
    headers: Headers = [
        ("receive_time_ns", b"%d" % time_ns),
        ("kind", b"ws"),
        ("__connect.errors.topic", raw_topic.encode()),
        ("__connect.errors.connector.name", b"bookmill-producer"),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.stage", b"TASK_POLL"),
        ("__connect.errors.exception.class.name", b"FrameError"),
        ("__connect.errors.exception.message", reason.encode()),
    ]
    writer.write(dead_letters(raw_topic).name, None, frame, headers)
