"""The topics: name, key, cleanup, retention and schema of each. Every room that reads or writes Kafka asks here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

__all__ = [
    "ALERTS",
    "BOOK_SNAPSHOTS",
    "BOOK_UPDATES",
    "CHECKPOINTS",
    "CHECKPOINTS_ALERTS",
    "CONSOLIDATED",
    "CONTROL_ALERTS",
    "CONTROL_REQUESTS",
    "CONTROL_SUBSCRIPTIONS",
    "DERIVATIVES",
    "EVENT_TOPICS",
    "GAPS",
    "INSTRUMENTS",
    "KLINES",
    "LIQUIDATIONS",
    "MAX_MESSAGE_BYTES",
    "SPREADS",
    "TABLE_TOPICS",
    "TICKERS",
    "TOPS",
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
_TEN_MINUTES_MS = 600_000


@dataclass(frozen=True)
class Topic:
    """One topic.

    ``retention_ms``: how long each record is kept; of a compacted topic how long at least, and the newest of each key for
    ever. ``schema_file`` None: values are not Avro. ``event_ids``: whether its records are events made of other records, with
    the id in the header ``event_id``, which may be written again; records of other topics are written once. ``segment_mib``: the
    length of a log segment, where the broker's (1 GiB) is no good: the newest one is never compacted.
    """

    name: str
    key: str
    cleanup: Literal["delete", "compact"]
    retention_ms: int | None
    schema_file: str | None = None
    event_ids: bool = False
    segment_mib: int | None = None

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
            name = "min.compaction.lag.ms" if self.cleanup == "compact" else "retention.ms"
            config[name] = str(self.retention_ms)
        if self.segment_mib is not None:
            config["segment.bytes"] = str(self.segment_mib * 1024 * 1024)
        return config


@cache
def _schema_text(file: str) -> str:
    return files("schemas").joinpath("avro", file).read_text(encoding="utf-8")


_INSTRUMENT = "<exchange>.<market>.<symbol>"


def _events(name: str) -> Topic:
    """A topic of events that workers make of raw records."""
    return Topic(name, _INSTRUMENT, "delete", 7 * _DAY_MS, f"{name}.avsc", event_ids=True)


TRADES = _events("trades")
SPREADS = _events("spreads")
BOOK_SNAPSHOTS = _events("book_snapshots")
TICKERS = _events("tickers")
KLINES = _events("klines")
DERIVATIVES = _events("derivatives")
LIQUIDATIONS = _events("liquidations")
GAPS = _events("gaps")
BOOK_UPDATES = Topic("book_updates", _INSTRUMENT, "delete", _HOUR_MS, "book_updates.avsc", event_ids=True)
"""Each change of each book, for who serves books of full depth: written where ``worker.book_updates`` is on, and kept in no table."""
INSTRUMENTS = Topic("instruments", _INSTRUMENT, "compact", 7 * _DAY_MS, "instruments.avsc")
CONTROL_REQUESTS = Topic("control.requests", _INSTRUMENT, "delete", _HOUR_MS, "control_requests.avsc")
CONTROL_SUBSCRIPTIONS = Topic(
    "control.subscriptions", _INSTRUMENT, "compact", None, "control_subscriptions.avsc"
)
CHECKPOINTS = Topic("checkpoints.books", _INSTRUMENT, "compact", None, segment_mib=32)
TOPS = Topic(
    "tops", "<symbol>|<exchange>.<market>|<origin>", "compact", _TEN_MINUTES_MS, "tops.avsc", segment_mib=16
)
"""The top of each book as the watchers know it. A partition holds all books of its symbols; it is not that of their raw records."""
CONSOLIDATED = Topic(
    "consolidated", "<kind>.<symbol>", "delete", 7 * _DAY_MS, "consolidated.avsc", event_ids=True
)
ALERTS = Topic("alerts", "<rule>", "delete", 30 * _DAY_MS, "alerts.avsc", event_ids=True)
CONTROL_ALERTS = Topic("control.alerts", "<rule>", "compact", None, "control_alerts.avsc")
CHECKPOINTS_ALERTS = Topic("checkpoints.alerts", "<topic>", "compact", None, segment_mib=16)

EVENT_TOPICS = (TRADES, SPREADS, BOOK_SNAPSHOTS, TICKERS, KLINES, DERIVATIVES, LIQUIDATIONS, GAPS)
"""What workers write."""

TABLE_TOPICS = (*EVENT_TOPICS, INSTRUMENTS, CONSOLIDATED, ALERTS)
"""What a sink can load: each has a table of its name. The last two are made of events, by watchers."""


def raw(exchange: str, market: str) -> Topic:
    """The raw topic of a market: one record a frame, key = wire symbol, value = the frame untouched."""
    return Topic(f"raw.{exchange}.{market}", "<wire symbol>", "delete", _DAY_MS)


def dead_letters(topic: str) -> Topic:
    """Where records of ``topic`` go that cannot be processed: original bytes, the reason in ``__connect.errors.*`` headers."""
    return Topic(f"{topic}.dlq", "as the record's", "delete", 30 * _DAY_MS)


def subject(topic: str) -> str:
    """The registry's subject for a topic's values."""
    return f"{topic}-value"
