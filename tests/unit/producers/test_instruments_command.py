"""``bookmill instruments``: what markets offer, also when one of them does not answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bookmill.errors import UnavailableError
from producers import offers
from producers.instruments_command import instruments
from venues.binance import BinanceSpot


def symbol(base: str, quote: str, status: str = "TRADING") -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": status,
        "baseAsset": base,
        "quoteAsset": quote,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
        ],
    }


INFO = {"symbols": [symbol("SOL", "USDT"), symbol("BTC", "USDT"), symbol("币安人生", "USDT", "BREAK")]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(INFO).encode()
        self.send_response(200 if self.path.startswith("/api/v3/exchangeInfo") else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in [name for name in os.environ if name.startswith("BOOKMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BOOKMILL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(offers, "_PATIENCE_S", 0.5)

    def invoke(exchanges: dict[str, Any], *arguments: str) -> Any:
        monkeypatch.setenv("BOOKMILL_EXCHANGES", json.dumps(exchanges))
        monkeypatch.setenv("BOOKMILL_LOG__LEVEL", "error")
        return CliRunner().invoke(instruments, arguments)

    return invoke


def test_a_table_says_what_there_is_and_what_is_collected(run: Any, address: str) -> None:
    result = run({"binance": {"spot": {"rest_url": address, "symbols": ["SOL-USDT"]}}})
    assert result.exit_code == 0, result.exception
    rows = [line.split() for line in result.output.splitlines()]
    assert rows[1] == ["binance.spot", "BTC-USDT", "BTCUSDT", "0.01", "0.00001", "trading"]
    assert rows[2] == ["binance.spot", "SOL-USDT", "SOLUSDT", "0.01", "0.00001", "trading", "collected"]
    assert rows[3] == ["binance.spot", "币安人生-USDT", "币安人生USDT", "0.01", "0.00001", "not", "trading"]
    assert result.output.rstrip().endswith("3 instruments")


def test_a_market_the_settings_do_not_have_is_listed_too(
    run: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BinanceSpot, "rest_url", address)
    result = run({"okx": {"swap": {}}}, "--exchange", "binance", "--market", "spot")
    assert result.exit_code == 0, result.exception
    assert "collected" not in result.output
    assert "3 instruments" in result.output


def test_nothing_is_cut_off_where_there_is_no_terminal(
    run: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "X" * 60
    monkeypatch.setitem(INFO, "symbols", [symbol(long, "USDT")])
    lines = run({"binance": {"spot": {"rest_url": address, "symbols": []}}}).output.splitlines()
    assert lines[1].split() == ["binance.spot", f"{long}-USDT", f"{long}USDT", "0.01", "0.00001", "trading"]


def test_json_is_an_object_a_line_and_can_be_searched(run: Any, address: str) -> None:
    result = run({"binance": {"spot": {"rest_url": address}}}, "--json", "--search", "sol")
    found = [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]
    assert found == [
        {
            "exchange": "binance",
            "market": "spot",
            "symbol": "SOL-USDT",
            "wire_symbol": "SOLUSDT",
            "base": "SOL",
            "quote": "USDT",
            "tick": "0.01",
            "lot": "0.00001",
            "trading": True,
            "collected": False,
        }
    ]


def test_a_market_that_does_not_answer_is_named_and_the_others_are_listed(run: Any, address: str) -> None:
    result = run(
        {
            "binance": {
                "spot": {"rest_url": address, "symbols": ["BTC-USDT", "SOLL-USDT"]},
                "usdm": {"rest_url": address},
            }
        }
    )
    assert "SOL-USDT" in result.output
    assert isinstance(result.exception, UnavailableError)
    sentence = result.exception.message
    assert "binance.spot has no instrument 'SOLL-USDT'. Did you mean 'SOL-USDT'?" in sentence
    assert f"binance.usdm does not list its instruments: {address}/fapi/v1/exchangeInfo says 403" in sentence
