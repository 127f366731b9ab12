"""The rules of alerts in ``control.alerts``: compacted, so it is the whole list and outlives everybody.

Writing here is all that is needed to make, change or end a rule: watchers follow the topic.
"""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Message

from bookmill.addresses import Addresses
from bookmill.errors import ConfigurationError, FrameError
from bookmill.kafka import client_config
from bookmill.settings import KafkaSettings, Settings
from schemas import compacted, registry
from schemas.admin import ensure_topics
from schemas.alert_rules import AlertRule, rule_from
from schemas.catalogue import CONTROL_ALERTS

__all__ = ["AlertStore", "StoredRule", "decode", "encode", "note", "open_store", "stored_rule"]

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
_plain = {**CONTROL_ALERTS.schema, "fields": [dict(each) for each in CONTROL_ALERTS.schema["fields"]]}
_plain["fields"][-1]["type"] = "long"
_schema = fastavro.parse_schema(_plain)
_RULE = tuple(AlertRule.model_fields.keys() - {"condition"})
"""The fields of a rule that stand in a record as they are."""


@dataclass(frozen=True)
class StoredRule:
    """A rule, who made or changed it, and when (µs since the epoch)."""

    rule: AlertRule
    changed_by: str = ""
    changed_micros: int = 0


def encode(stored: StoredRule, schema_id: int) -> bytes:
    """The record's value."""
    rule, out = stored.rule, io.BytesIO()
    shown = rule.model_dump(include={"hysteresis", "cooldown_s"})
    fastavro.schemaless_writer(
        out,
        _schema,
        {
            "id": rule.id,
            "name": rule.name,
            "on": rule.on,
            "exchange": rule.exchange,
            "market": rule.market,
            "symbol": rule.symbol,
            "kind": rule.condition.kind,
            "parameters": rule.parameters,
            **shown,
            "webhook": rule.webhook,
            "dashboard": rule.dashboard,
            "cleared": rule.cleared,
            "changed_by": stored.changed_by,
            "changed_time": stored.changed_micros,
        },
    )
    return _HEADER.pack(0, schema_id) + out.getvalue()


def decode(value: bytes) -> StoredRule:
    """Read a record's value; raises :class:`FrameError` where it is no rule. Fields are only ever added at the end of the schema."""
    try:
        if len(value) <= _HEADER.size or value[0] != 0:
            raise ValueError("no schema id before it")
        found: Any = fastavro.schemaless_reader(io.BytesIO(value[_HEADER.size :]), _schema, None)
    except _UNREADABLE as error:
        raise FrameError(f"Not a record of {CONTROL_ALERTS.name}: {error}.") from error
    return stored_rule(found)


def stored_rule(found: Mapping[str, Any]) -> StoredRule:
    """Of the fields of a decoded record; raises :class:`FrameError` where they are no rule."""
    try:
        given = {name: found[name] for name in _RULE}
        condition = {**found["parameters"], "kind": found["kind"]}
        rule = rule_from({**given, "condition": condition})
        return StoredRule(rule, found["changed_by"], found["changed_time"])
    except (ConfigurationError, KeyError, TypeError) as error:
        raise FrameError(f"Not a record of {CONTROL_ALERTS.name}: {error}.") from error


def note(message: Message, rules: dict[str, StoredRule]) -> None:
    """Take a record of the topic into ``rules``, by id; raises :class:`FrameError` where it is none."""
    value = message.value()
    if value is None:
        key = message.key()
        rules.pop(key.decode("utf-8", "replace") if isinstance(key, bytes) else "", None)
        return
    found = decode(value)
    rules[found.rule.id] = found


class AlertStore:
    """Reads and writes ``control.alerts``. ``schema_id``: of its registered schema. All methods block.

    Each raises :class:`UnavailableError` where Kafka does not answer.
    """

    def __init__(self, settings: KafkaSettings, bootstrap_servers: str, schema_id: int) -> None:
        self.topic = settings.topic_prefix + CONTROL_ALERTS.name
        self.unreadable = 0
        """Records of the last reading that are no rules."""
        self._config = client_config(settings, bootstrap_servers)
        self._schema_id = schema_id

    def list(self) -> Mapping[str, StoredRule]:
        """All rules, by id."""
        found: dict[str, StoredRule] = {}
        self.unreadable = 0
        for message in compacted.read(self._config, self.topic):
            try:
                note(message, found)
            except FrameError:
                self.unreadable += 1
        return dict(sorted(found.items()))

    def put(self, rule: AlertRule, *, changed_by: str) -> StoredRule:
        """Make a rule, or change the one of its id."""
        stored = StoredRule(rule, changed_by, time.time_ns() // 1000)
        compacted.write(self._config, self.topic, [(rule.id, encode(stored, self._schema_id))])
        return stored

    def delete(self, rule_id: str) -> None:
        """End a rule."""
        compacted.write(self._config, self.topic, [(rule_id, None)])


def open_store(settings: Settings, addresses: Addresses) -> AlertStore:
    """The store, with its topic made and its schema registered. Blocks; raises a :class:`BookmillError` that says what is missing."""
    ensure_topics(settings.kafka, addresses.kafka, [CONTROL_ALERTS])
    with registry.client(settings.registry, addresses.registry) as client:
        [schema_id] = registry.register(
            client, addresses.registry, [CONTROL_ALERTS], prefix=settings.kafka.topic_prefix
        ).values()
    return AlertStore(settings.kafka, addresses.kafka, schema_id)
