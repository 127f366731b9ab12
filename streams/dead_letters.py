"""What stands around a dead letter: the original headers, then where it came from and why, as Kafka Connect names it."""

from __future__ import annotations

from streams.partition import DeadLetter, RawPartition

__all__ = ["error_headers"]


def error_headers(partition: RawPartition, letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Headers of the dead-letter record of a raw record."""
    record = letter.record
    return [
        *record.headers,
        ("__connect.errors.topic", partition.topic.encode()),
        ("__connect.errors.partition", b"%d" % partition.partition),
        ("__connect.errors.offset", b"%d" % record.offset),
        ("__connect.errors.connector.name", b"bookmill-worker"),
        ("__connect.errors.task.id", b"%d" % partition.partition),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.exception.class.name", letter.error.encode()),
        ("__connect.errors.exception.message", letter.reason.encode()),
    ]
