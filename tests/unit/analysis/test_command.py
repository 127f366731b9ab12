"""``bookmill analyze``: tables, JSON, pictures, and one clear sentence where there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from analysis.command import analyze
from bookmill.errors import BookmillError
from tests.unit.analysis.market import START, Market, at

SINCE, UNTIL = "2026-01-05T10:00", "2026-01-05T11:00"
NAMES = ("summary", "trading", "profile", "spreads", "venues", "quality")


@pytest.fixture(scope="module")
def filled(clickhouse: str, tables: str) -> Iterator[Market]:
    """An hour of two venues."""
    market = Market(clickhouse, tables)
    for venue, ahead in ((market, 0), (market.of("okx"), 3)):
        prices = [64_250 + ahead + (minute * 7) % 13 for minute in range(60)]
        venue.traded(
            *(
                (60 * minute, f"{price}.5", f"0.{1 + minute}", "BUY" if minute % 3 else "SELL")
                for minute, price in enumerate(prices)
            ),
            exchange_time=at(-0.002),
        )
        venue.quoted(
            *((60 * minute, f"{price}", "2", f"{price + 1}", "1") for minute, price in enumerate(prices))
        )
    yield market
    market.clear()


def run(market: Market, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("BOOKMILL_CLICKHOUSE__URL", market.url)
    monkeypatch.setenv("BOOKMILL_CLICKHOUSE__DATABASE", market.database)
    return CliRunner().invoke(analyze, arguments)


def one(name: str) -> list[str]:
    chosen = ["--exchange", "binance"] if name == "profile" else []
    return [name, *chosen, "--since", SINCE, "--until", UNTIL, "--symbol", "BTC-USDT"]


@pytest.mark.parametrize("name", NAMES)
def test_each_analysis_is_a_table_json_and_a_picture(
    name: str, filled: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "picture.png"
    shown = run(filled, *one(name), monkeypatch=monkeypatch)
    assert shown.exit_code == 0, shown.output
    assert "2026-01-05 10:00:00 to 2026-01-05 11:00:00 UTC" in shown.stdout
    assert "binance" in shown.stdout
    told = run(filled, *one(name), "--json", "--plot", str(file), monkeypatch=monkeypatch)
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["since_us"] == int(START.timestamp()) * 1_000_000
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
    pixels = imread(file)[:, :, :3]
    assert pixels.shape[1] > 1000
    assert pixels.mean() > 0.75  # a light background
    colours = np.unique((pixels.reshape(-1, 3) * 255).astype(np.uint8), axis=0)
    assert any(int(colour.max()) - int(colour.min()) > 100 for colour in colours)  # and something drawn on it


def test_figures_for_the_eye_are_rounded_and_those_for_programs_are_not(
    filled: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(filled, *one("trading"), monkeypatch=monkeypatch)
    told = json.loads(run(filled, *one("trading"), "--json", monkeypatch=monkeypatch).stdout)
    [binance, _] = told["instruments"]
    assert len(binance["vwap"]) > 20
    assert f"{float(binance['vwap']):,.3f}" in shown.stdout
    assert f"{100 * binance['volatility']:.4g} %" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["summary", "--exchange", "kraken", "--since", SINCE, "--until", UNTIL],
            "No events of kraken between 2026-01-05T10:00:00.000000Z and 2026-01-05T11:00:00.000000Z are stored.",
        ),
        (
            ["venues", "--symbol", "X", "--since", SINCE, "--until", UNTIL],
            "No books of two venues of one symbol of X",
        ),
        (["summary", "--since", UNTIL, "--until", SINCE], "There is no time between 2026-01-05T11:00"),
        (["profile", "--since", SINCE, "--until", UNTIL], "A profile is of one instrument, and 2 fit: "),
        (["profile", "--step", "x"], "'x' is no step of prices."),
        (
            [*one("summary"), "--plot", "/nowhere/picture.png"],
            "/nowhere/picture.png cannot be written: No such file",
        ),
    ],
)
def test_what_cannot_be_said_is_one_sentence(
    arguments: list[str], sentence: str, filled: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(filled, *arguments, monkeypatch=monkeypatch)
    assert isinstance(found.exception, BookmillError)
    assert str(found.exception).startswith(sentence)


def test_a_database_that_no_sink_has_made_is_said(filled: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(Market(filled.url, "nobodys"), "summary", monkeypatch=monkeypatch)
    assert isinstance(found.exception, BookmillError)
    assert "nobodys" in found.exception.message
    assert found.exception.hint.startswith("The sink makes database, tables and views when it starts")


def test_no_clickhouse_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(Market("http://127.0.0.1:1", "market"), "summary", monkeypatch=monkeypatch)
    assert isinstance(found.exception, BookmillError)
    assert found.exception.message.startswith("ClickHouse does not answer at http://127.0.0.1:1")
