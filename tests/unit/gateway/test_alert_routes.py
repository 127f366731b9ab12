"""Rules of alerts over REST: made, shown, changed and ended; what is wrong is said; secrets are not shown."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from gateway.alert_rules import AlertRules
from gateway.app import create_app
from gateway.context import Context
from gateway.errors import ApiError
from schemas.alert_rules import AlertRule, rule_from
from schemas.alert_store import StoredRule, encode
from schemas.catalogue import CONTROL_ALERTS
from tests.unit.gateway.material import gateway
from tests.unit.streams.watcher.values import read

LEVEL = {"kind": "price_crosses", "level": "65000"}
HOOK = "https://hooks.example/services/T0/secret"


class Topic:
    """``control.alerts`` in memory: what is written, the gateway's feed reads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.written: list[StoredRule] = []
        self.silent = False

    def put(self, rule: AlertRule, *, changed_by: str) -> StoredRule:
        stored = StoredRule(rule, changed_by, 1_767_607_200_000_001 + len(self.written))
        self.written.append(stored)
        if not self.silent:
            self.context.live.take(CONTROL_ALERTS.name, read(CONTROL_ALERTS, encode(stored, 1)))
        return stored

    def delete(self, rule_id: str) -> None:
        self.context.live.forget(CONTROL_ALERTS.name, rule_id)


@pytest.fixture
def context() -> Context:
    found = gateway()
    found.alert_rules = AlertRules(Topic(found), found.live)
    return found


def ask(context: Context, method: str, path: str = "", **more: Any) -> httpx2.Response:
    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_app(context), client=("127.0.0.1", 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
            return await client.request(method, f"/api/v1/alerts/rules{path}", **more)

    return asyncio.run(run())


def test_a_rule_is_made_shown_changed_and_ended(context: Context) -> None:
    made = ask(context, "POST", json={"id": "btc", "symbol": "BTC-*", "condition": LEVEL, "webhook": HOOK})
    assert made.status_code == 201
    shown = made.json()["data"]
    assert shown["condition"] == {**LEVEL, "direction": "both", "price": "trade"}
    assert shown["changed_time"] == "2026-01-05T10:00:00.000001Z"
    assert shown["changed_by"].startswith("gateway ")
    assert ask(context, "GET").json() == {"data": [shown], "next": None}
    assert ask(context, "GET", "/btc").json() == {"data": shown}
    given = {name: value for name, value in shown.items() if not name.startswith("changed")}
    changed = ask(context, "PUT", "/btc", json={**given, "on": False}).json()["data"]
    assert (changed["on"], changed["webhook"]) == (False, shown["webhook"])
    stored = context.alert_rules.get("btc")
    assert stored is not None
    assert (stored.rule.webhook, stored.rule.on) == (HOOK, False)
    assert ask(context, "DELETE", "/btc").json() == {"data": {"id": "btc"}}
    assert ask(context, "GET").json()["data"] == []


def test_of_a_webhook_only_the_host_is_shown(context: Context) -> None:
    made = ask(context, "POST", json={"condition": LEVEL, "webhook": HOOK})
    assert made.json()["data"]["webhook"] == "https://hooks.example/**********"
    assert made.json()["data"]["id"].startswith("rule-")
    assert "secret" not in made.text + ask(context, "GET").text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("POST", "", {"id": "known", "condition": LEVEL}, 409, "conflict", "id"),
        ("POST", "", {"condition": {"kind": "moon"}}, 400, "bad_request", None),
        ("POST", "", {"condition": {**LEVEL, "level": "'; DROP TABLE alerts"}}, 400, "bad_request", None),
        ("POST", "", {"condition": LEVEL, "webhook": "file:///etc/passwd"}, 400, "bad_request", "webhook"),
        ("POST", "", {"condition": LEVEL, "id": "../x"}, 400, "bad_request", "id"),
        ("POST", "", [], 400, "bad_request", None),
        ("PUT", "/known", {"condition": LEVEL, "id": "other"}, 400, "bad_request", "id"),
        ("PUT", "/knwon", {"condition": LEVEL}, 404, "unknown_rule", "id"),
        ("GET", "/knwon", None, 404, "unknown_rule", "id"),
        ("DELETE", "/knwon", None, 404, "unknown_rule", "id"),
    ],
)
def test_what_is_wrong_is_said(
    context: Context, method: str, path: str, body: Any, status: int, code: str, field: str | None
) -> None:
    ask(context, "POST", json={"id": "known", "condition": LEVEL})
    answer = ask(context, method, path, **({} if body is None else {"json": body}))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    if field is not None:
        assert error["field"] == field
    if code == "unknown_rule":
        assert "known" in error["hint"]
    assert [one.rule.id for one in context.alert_rules.all()] == ["known"]


def test_a_rule_that_a_later_version_wrote_is_left_out(context: Context) -> None:
    stored = StoredRule(rule_from({"id": "r", "condition": LEVEL}))
    event = read(CONTROL_ALERTS, encode(stored, 1))
    context.live.take(CONTROL_ALERTS.name, {**event, "kind": "of tomorrow"})
    assert context.alert_rules.all() == []
    assert context.alert_rules.get("r") is None


def test_too_many_changes_at_once_are_refused_and_counted(context: Context) -> None:
    topic = Topic(context)
    topic.silent = True  # the feed does not bring it back: the first one waits
    rules = AlertRules(topic, context.live, calls=1)
    made = rule_from({"id": "r", "condition": LEVEL})

    async def run() -> None:
        first = asyncio.ensure_future(rules.put("r", lambda _: made, changed_by="me"))
        await asyncio.sleep(0.01)
        assert rules.buffer.used == 1
        with pytest.raises(ApiError, match="Too many rules"):
            await rules.put("r", lambda _: made, changed_by="me")
        context.live.take(CONTROL_ALERTS.name, read(CONTROL_ALERTS, encode(topic.written[0], 1)))
        assert (await first).rule == made

    asyncio.run(run())
    assert (rules.buffer.used, rules.buffer.lost) == (0, 1)
