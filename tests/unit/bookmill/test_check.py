"""``bookmill check``: one line for each thing that has to be right, and what to do about what is not."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from bookmill.check import _market_check, check, require_configured
from bookmill.errors import BookmillError, UnavailableError
from bookmill.settings import ClickHouseSettings, MarketSettings, Settings

LISTED = {
    "symbols": [
        {
            "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00001", "minQty": "0.00001"},
            ],
        }
    ]
}  # fmt: skip


class _Servers(BaseHTTPRequestHandler):
    """A registry, a ClickHouse and an exchange, as far as they are asked."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        body = {"/subjects": b"[]", "/": b"26.9\n", "/api/v3/exchangeInfo": json.dumps(LISTED).encode()}.get(
            path
        )
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature is the library's
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Servers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bookmill.check._TIMEOUT_S", 1.0)
    monkeypatch.setenv("BOOKMILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BOOKMILL_PLATFORM__MINIMUM_FREE_MIB", "1")


def configure(monkeypatch: pytest.MonkeyPatch, address: str, symbols: list[str], **more: Any) -> None:
    spot = {"symbols": symbols, "rest_url": address, **more}
    monkeypatch.setenv("BOOKMILL_EXCHANGES", json.dumps({"binance": {"spot": spot}}))
    monkeypatch.setenv("BOOKMILL_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("BOOKMILL_REGISTRY__URL", address)
    monkeypatch.setenv("BOOKMILL_CLICKHOUSE__URL", address)


def test_each_thing_is_one_line_and_one_bad_one_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    configure(monkeypatch, address, ["BTC-USDT"])
    result = CliRunner().invoke(check, ["--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert not told["good"]
    found = {each["name"]: each for each in told["checks"]}
    assert list(found) == ["settings", "disk", "platform", "kafka", "registry", "clickhouse", "binance.spot"]
    assert [name for name, each in found.items() if not each["good"]] == ["kafka"]
    assert found["platform"]["found"] == "not needed: all addresses are configured"
    assert "BOOKMILL_KAFKA__BOOTSTRAP_SERVERS" in found["kafka"]["hint"]
    assert found["clickhouse"]["found"].endswith("(version 26.9), database market")


def test_a_symbol_the_exchange_does_not_list_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    configure(monkeypatch, address, ["BTC-USDT", "BTC-USDX"])
    result = CliRunner().invoke(check)
    assert result.exit_code == 1
    assert "does not list BTC-USDX. Correct exchanges.binance.spot.symbols." in result.stdout


def test_symbols_may_be_spelled_as_the_exchange_does(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    configure(monkeypatch, address, ["btc-usdt", "BTCUSDT"])
    assert "lists btc-usdt, BTCUSDT\n" in CliRunner().invoke(check).stdout


def test_bars_that_are_passed_over_are_said(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    configure(monkeypatch, address, ["BTC-USDT"], kline_intervals=["1m", "10m"])
    assert "lists BTC-USDT; has no bars of 10m\n" in CliRunner().invoke(check).stdout


def test_an_exchange_behind_a_proxy_is_asked_through_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    configure(monkeypatch, address, ["BTC-USDT"], rest_url="http://exchange.test", proxy=address)
    assert "answers at http://exchange.test, lists BTC-USDT" in CliRunner().invoke(check).stdout


def test_settings_that_cannot_be_read_are_the_only_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKMILL_KAFKA__TOPIC_PREFX", "x")
    result = CliRunner().invoke(check)
    assert result.exit_code == 1
    assert result.stdout.count("\n") == 1
    assert "kafka.topic_prefix" in result.stdout


def test_only_what_is_configured_is_required(address: str) -> None:
    require_configured(Settings())
    require_configured(Settings(clickhouse=ClickHouseSettings(url=address)))
    with pytest.raises(UnavailableError, match=r"ClickHouse does not answer at http://127\.0\.0\.1:1"):
        require_configured(Settings(clickhouse=ClickHouseSettings(url="http://127.0.0.1:1")))


@pytest.mark.parametrize(
    ("answer", "complaint", "good", "found"),
    [
        (
            '{"symbol": "BTC-USDT", "wire_symbol": "B"}\n{"symbol": "E", "wire_symbol": "eth-usdt"}\n',
            "",
            True,
            "lists BTC-USDT, ETH-USDT",
        ),
        ('{"symbol": "BTC-USDT", "wire_symbol": "B"}\n', "", False, "does not list ETH-USDT"),
        ("", "bookmill: kucoin does not answer.\n", False, "kucoin does not answer."),
    ],
)
def test_a_market_only_ccxt_knows_is_listed_by_the_command_that_may_import_it(
    monkeypatch: pytest.MonkeyPatch, answer: str, complaint: str, *, good: bool, found: str
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, answer, complaint)

    monkeypatch.setattr("bookmill.check.subprocess.run", run)
    lists = _market_check("kucoin", "spot", MarketSettings(source="poll"))
    if good:
        assert found in lists()
    else:
        with pytest.raises(BookmillError, match=found):
            lists()
    assert asked[0][-5:] == ["--exchange", "kucoin", "--market", "spot", "--json"]
