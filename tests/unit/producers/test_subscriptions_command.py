"""``subscribe`` and its siblings say in one sentence what cannot be asked for, before they touch anything."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from bookmill.cli import cli
from bookmill.errors import BookmillError
from producers.subscriptions_command import _as_json, _print_table
from schemas.subscriptions import Desired, Stored


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["subscribe", "binance", "BTC-USDT"],
            "'binance' is no market. Write exchange.market, like binance.spot.",
        ),
        (
            ["subscribe", "binnance.spot", "BTC-USDT"],
            "There is no exchange 'binnance'. Did you mean 'binance'?",
        ),
        (
            ["subscribe", "binance.spott", "BTC-USDT"],
            "There is no venue 'binance.spott'. Did you mean 'binance.spot'?",
        ),
        (
            ["unsubscribe", "binance.spot", "BTC USDT"],
            "'BTC USDT' is no symbol. Write BASE-QUOTE, like BTC-USDT; 'bookmill instruments' lists what there is.",
        ),
        (
            ["subscribe", "binance.spot", "BTC-USDT", "--channels", "book,trade"],
            "There is no channel 'trade'. Did you mean 'trades'?",
        ),
    ],
)
def test_what_cannot_be_asked_for(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, BookmillError)
    assert str(result.exception) == sentence


@pytest.mark.parametrize(
    "arguments", [["subscribe", "binance.spot"], ["subscribe", "binance.spot", "A-B", "--channels", ","]]
)
def test_too_little_is_a_wrong_usage(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == click.UsageError.exit_code


ROWS = [
    Stored(Desired("binance", "spot", "BTC-USDT", True, ("book",), "me@here", 1_700_000_000_000_000), 3),
    Stored(Desired("okx", "swap", "BTC-USD", False), 1),
    Stored(Desired("okx", "swap", "ETH-USD", True), 2),
]


def test_a_list_says_who_has_what(capsys: pytest.CaptureFixture[str]) -> None:
    _print_table(ROWS, {3: "first", 1: "second"})
    lines = capsys.readouterr().out.splitlines()
    assert "first" in lines[1]
    assert "2023-11-14 22:13:20" in lines[1]
    assert "second" not in lines[2]
    assert "none runs" in lines[3]
    assert _as_json(ROWS[0], "first") == {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "on": True,
        "channels": ["book"],
        "asked_by": "me@here",
        "asked_time_micros": 1_700_000_000_000_000,
        "partition": 3,
        "producer": "first",
    }
    assert _as_json(ROWS[1], "second")["producer"] is None
