"""A trial of a rule's webhook: a made-up alert, signed and repeated as real ones are."""

from __future__ import annotations

import time
from typing import Any

from bookmill.settings import AlertSettings
from schemas.alert_rules import AlertRule
from streams.watcher.webhook import Outcome, Webhook, alert_body

__all__ = ["try_webhook"]


async def try_webhook(settings: AlertSettings, rule: AlertRule) -> Outcome:
    """Post it, and say what became of it."""
    now_micros = time.time_ns() // 1000
    alert = f"{rule.id}:test/0/{now_micros:020d}/000000"
    event: dict[str, Any] = {
        "exchange": "test",
        "market": "test",
        "symbol": "TEST-TEST",
        "alert": alert,
        "rule": rule.id,
        "rule_name": rule.title,
        "kind": rule.condition.kind,
        "state": "fired",
        "direction": None,
        "value": None,
        "threshold": None,
        "message": f"A trial of the webhook of {rule.title}.",
        "receive_time": now_micros,
        "source_topic": "test",
        "source_partition": 0,
        "source_offset": now_micros,
        "source_index": 0,
    }
    async with Webhook(settings) as webhook:
        return await webhook.post(rule.webhook or "", alert, alert_body(event))
