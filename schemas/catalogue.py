"""The topics: name, key, cleanup, retention and schema of each. Every room that reads or writes Kafka asks here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

__all__ = [
    "BOOK_SNAPSHOTS",
    "CHECKPOINTS",
    "CONTROL_REQUESTS",
    "EVENT_TOPICS",
    "MAX_MESSAGE_BYTES",
    "SPREADS",
    "TRADES",
    "Topic",
    "dead_letters",
    "raw",
    "subject",
]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest record: a snapshot of a deep book, or its checkpoint."""

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True)
class Topic:
    """One topic. ``retention_ms`` None: kept for ever (compacted). ``schema_file`` None: values are not Avro."""

    name: str
    key: str
    cleanup: Literal["delete", "compact"]
    retention_ms: int | None
    schema_file: str | None = None

    @property
    def schema_text(self) -> str:
        """The Avro schema as it is registered, with docs and logical types."""
        return _schema_text(self.schema_file or "")

    @property
    def schema(self) -> dict[str, Any]:
        """The same, parsed from JSON."""
        parsed: dict[str, Any] = json.loads(self.schema_text)
        return parsed

    def config(self) -> dict[str, str]:
        """Topic settings as Kafka takes them."""
        config: dict[str, str] = {
            "cleanup.policy": self.cleanup,
            # Retention counts from when a record was written: recordings of past years are replayed, and stay their day.
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        }
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


@cache
def _schema_text(file: str) -> str:
    return files("schemas").joinpath("avro", file).read_text(encoding="utf-8")


_INSTRUMENT = "<exchange>.<market>.<symbol>"

TRADES = Topic("trades", _INSTRUMENT, "delete", 7 * _DAY_MS, "trades.avsc")
SPREADS = Topic("spreads", _INSTRUMENT, "delete", 7 * _DAY_MS, "spreads.avsc")
BOOK_SNAPSHOTS = Topic("book_snapshots", _INSTRUMENT, "delete", 7 * _DAY_MS, "book_snapshots.avsc")
CONTROL_REQUESTS = Topic("control.requests", _INSTRUMENT, "delete", _HOUR_MS, "control_requests.avsc")
CHECKPOINTS = Topic("checkpoints.books", _INSTRUMENT, "compact", None)

EVENT_TOPICS = (TRADES, SPREADS, BOOK_SNAPSHOTS)


def raw(exchange: str, market: str) -> Topic:
    """The raw topic of a market: one record a frame, key = wire symbol, value = the frame untouched."""
    return Topic(f"raw.{exchange}.{market}", "<wire symbol>", "delete", _DAY_MS)


def dead_letters(topic: str) -> Topic:
    """Where records of ``topic`` go that cannot be processed: original bytes, the reason in ``__connect.errors.*`` headers."""
    return Topic(f"{topic}.dlq", "as the record's", "delete", 30 * _DAY_MS)


def subject(topic: str) -> str:
    """The registry's subject for a topic's values."""
    return f"{topic}-value"
