"""``bookmill alerts``: rules from a command line, what is said of those that are none, and what is listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bookmill.errors import ConfigurationError
from bookmill.settings import AlertSettings, Settings
from schemas.alert_rules import AlertRule
from schemas.alert_store import StoredRule
from streams import alerts_command
from streams.alerts_command import alerts


class Store:
    topic = "control.alerts"
    unreadable = 0

    def __init__(self) -> None:
        self.rules: dict[str, StoredRule] = {}

    def list(self) -> Mapping[str, StoredRule]:
        return dict(sorted(self.rules.items()))

    def put(self, rule: AlertRule, *, changed_by: str) -> StoredRule:
        self.rules[rule.id] = StoredRule(rule, changed_by, 1_700_000_000_000_000)
        return self.rules[rule.id]

    def delete(self, rule_id: str) -> None:
        del self.rules[rule_id]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    settings = Settings(alerts=AlertSettings(webhook_hosts=("hooks.example",)))
    monkeypatch.setattr(alerts_command, "_store", lambda: (settings, found))
    return found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(alerts, list(arguments))


def test_a_rule_is_made_of_kind_instrument_and_parameters(store: Store) -> None:
    result = run(
        *("add", "price_crosses", "binance.spot.btc-usdt", "level=65000", "direction=up"),
        *("--cooldown", "60", "--hysteresis", "10", "--name", "High", "--webhook", "https://hooks.example/x"),
    )
    assert result.output == "price_crosses-binance-spot-btc-usdt: on\n"
    [stored] = store.rules.values()
    rule = stored.rule
    assert (rule.exchange, rule.market, rule.symbol, rule.name) == ("binance", "spot", "BTC-USDT", "High")
    assert rule.parameters == {"level": "65000", "direction": "up", "price": "trade"}
    assert (str(rule.cooldown_s), str(rule.hysteresis)) == ("60", "10")
    assert "@" in stored.changed_by


@pytest.mark.parametrize(
    ("instrument", "parts"),
    [
        ("*", ("*", "*", "*")),
        ("okx", ("okx", "*", "*")),
        ("okx.swap", ("okx", "swap", "*")),
        ("*.spot.A.B-USD", ("*", "spot", "A.B-USD")),
    ],
)
def test_what_is_left_out_of_an_instrument_is_any(
    store: Store, instrument: str, parts: tuple[str, str, str]
) -> None:
    run("add", "gap_opened", instrument, "--id", "x", "--quiet", "--only-fired", "--off")
    rule = store.rules["x"].rule
    assert (rule.exchange, rule.market, rule.symbol) == parts
    assert (rule.dashboard, rule.cleared, rule.on) == (False, False, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "moon", "*"], "there is no kind 'moon'"),
        (["add", "price_crosses", "*", "level"], "'level' is no parameter. Write name=value"),
        (["add", "price_crosses", "*", "level=x"], "level: input should be a valid decimal"),
        (["add", "gap_opened", "*", "--id", "known"], "There is a rule 'known' already."),
        (["remove", "knwon"], "There is no rule 'knwon'. Did you mean 'known'?"),
        (["enable", "other"], "There is no rule 'other'. 'bookmill alerts list' has all."),
        (["test-webhook", "known"], "The rule 'known' has no webhook."),
    ],
)
def test_what_is_wrong_is_said(store: Store, arguments: list[str], said: str) -> None:
    run("add", "gap_opened", "*", "--id", "known")
    result = run(*arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert said in str(result.exception)
    assert list(store.rules) == ["known"]


def test_rules_are_switched_replaced_and_removed(store: Store) -> None:
    run("add", "gap_opened", "*", "--id", "x")
    assert run("disable", "x").output == "x: off\n"
    assert not store.rules["x"].rule.on
    assert run("enable", "x", "x").output == "x: on\n"
    run("add", "gap_opened", "okx", "--id", "x", "--replace")
    assert store.rules["x"].rule.exchange == "okx"
    assert run("remove", "x").output == "x: removed\n"
    assert store.rules == {}


def test_a_webhook_whose_host_is_not_named_is_warned_of(store: Store) -> None:
    result = run("add", "gap_opened", "*", "--webhook", "https://other.example/x")
    assert "alerts.webhook_hosts does not name its host" in result.stderr


@pytest.mark.parametrize(("status", "said"), [(200, "delivered: 200\n"), (404, "")])
def test_a_webhook_is_tried(store: Store, monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> None:
    posts: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's
            pass

    monkeypatch.setattr(alerts_command, "_store", lambda: (Settings(), store))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        run("add", "gap_opened", "*", "--id", "x", "--webhook", url)
        result = run("test-webhook", "x")
    assert result.output == said
    assert (result.exception is None) == (status == 200)
    assert (posts[0]["rule"], posts[0]["state"], posts[0]["symbol"]) == ("x", "fired", "TEST-TEST")


def test_the_list_is_a_table_or_json(store: Store) -> None:
    run("add", "spread_bps_over", "binance", "bps=5", "--hysteresis", "1", "--id", "wide")
    table = run("list").output
    for word in (
        "wide",
        "on",
        "spread_bps_over",
        "binance.*.*",
        "bps=5",
        "hysteresis=1",
        "2023-11-14 22:13:20",
    ):
        assert word in table
    shown: dict[str, Any] = json.loads(run("list", "--json").output)
    assert shown["condition"] == {"kind": "spread_bps_over", "bps": "5", "origin": "book"}
    assert shown["changed_time_us"] == 1_700_000_000_000_000
