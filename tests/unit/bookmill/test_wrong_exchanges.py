"""Names of exchanges, markets, channels and bars that are wrong: one sentence and exit status 1 from every part that uses them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bookmill import cli

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "exchange": ({"okex": {"spot": {}}}, "There is no venue 'okex.spot'. Did you mean 'okx.spot'?"),
    "market": ({"okx": {"swp": {}}}, "There is no venue 'okx.swp'. Did you mean 'okx.swap'?"),
    "channel": (
        {"kraken": {"spot": {"channels": ["book", "trade"]}}},
        "Setting 'exchanges.kraken.spot.channels.1' (environment BOOKMILL_EXCHANGES) is wrong: 'trade' is none of"
        " book, best, trades, ticker, klines, derivatives, liquidations. Did you mean 'trades'?",
    ),
    "bars": (
        {"okx": {"spot": {"kline_intervals": ["60min"]}}},
        "Setting 'exchanges.okx.spot.kline_intervals' is wrong: no exchange has bars of '60min'. Did you mean '1h'?",
    ),
}


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server answers: what is wrong has to be said before one is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bookmill.check._TIMEOUT_S", 0.5)
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "PLATFORM__MINIMUM_FREE_MIB": "1",
        "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "REGISTRY__URL": "http://127.0.0.1:1",
        "CLICKHOUSE__URL": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(f"BOOKMILL_{name}", value)


def run(monkeypatch: pytest.MonkeyPatch, exchanges: dict[str, Any], *arguments: str) -> None:
    monkeypatch.setenv("BOOKMILL_EXCHANGES", json.dumps(exchanges))
    monkeypatch.setattr(sys, "argv", ["bookmill", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1


@pytest.mark.parametrize("command", ["produce", "worker"])
@pytest.mark.parametrize("what", WRONG)
def test_a_part_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, what: str
) -> None:
    exchanges, sentence = WRONG[what]
    run(monkeypatch, exchanges, command)
    assert capsys.readouterr().err == f"bookmill: {sentence}\n"


@pytest.mark.parametrize("what", WRONG)
def test_check_says_it_in_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    exchanges, sentence = WRONG[what]
    run(monkeypatch, exchanges, "check", "--json")
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert f"{checks[-1]['found']} {checks[-1]['hint']}".rstrip() == sentence
    assert not checks[-1]["good"]
