"""Recorded sessions of OKX, Kraken and Deribit by ``bookmill replay`` through Kafka, worker and sink, into ClickHouse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from bookmill.addresses import Addresses
from bookmill.settings import Settings
from tests.integration.conftest import isolated
from tests.integration.parts import RunningPart, environment, wait_until
from tests.session_logs import deribit_files, kraken, kraken_file, okx, okx_files

MARKETS = {
    "okx": {market: {"symbols": ["BTC-USD"]} for market in ("spot", "swap", "futures")},
    "kraken": {"spot": {"symbols": ["BTC-USD"], "depth": 10}},
    "deribit": {"option": {"symbols": ["BTC-USD"]}},
}


@pytest.fixture(scope="module")
def mill(
    addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, dict[str, str]]]:
    """A worker and a sink of all these markets."""
    okx_files()  # skips where the recordings are not
    settings, folder = isolated(addresses), tmp_path_factory.mktemp("sessions")
    chosen = environment(settings, exchanges=json.dumps(MARKETS))
    with (
        RunningPart(["worker"], chosen, folder / "worker.log") as worker,
        RunningPart(["sink"], chosen, folder / "sink.log"),
    ):
        wait_until(lambda: worker.status().get("assigned"), "the worker has partitions")
        yield settings, chosen
        status = worker.status()
        assert (status["gaps"], status["checksum_failures"], status["dead_letters"]) == (0, 0, 0)


def replay(
    chosen: dict[str, str], paths: Sequence[Path], exchange: str, market: str, symbol: str
) -> dict[str, Any]:
    command = ["replay", *map(str, paths), "--exchange", exchange, "--market", market, "--symbol", symbol]
    done = subprocess.run(
        [sys.executable, "-m", "bookmill", *command, "--wait", "--json", "--patience", "120"],
        env=chosen,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def client(settings: Settings) -> Client:
    return clickhouse_connect.get_client(dsn=f"{settings.clickhouse.url}/{settings.clickhouse.database}")


def test_okx_contracts(mill: tuple[Settings, dict[str, str]]) -> None:
    settings, chosen = mill
    expected = okx("BTC-USD-220527")
    counts = replay(chosen, okx_files(), "okx", "futures", "BTC-USD-220527")
    assert counts["spreads_book"] == expected.top_changes
    assert (counts["trades"], counts["tickers"]) == (expected.trades, expected.tickers)
    [row] = (
        client(settings)
        .query(
            "SELECT sum(contracts), max(abs(quantity * price - contracts * 100)) < 0.000001 FROM trades"
            " WHERE exchange = 'okx' AND market = 'futures'"
        )
        .result_rows
    )
    assert row == (expected.quantity, 1)


def test_okx_spot(mill: tuple[Settings, dict[str, str]]) -> None:
    settings, chosen = mill
    expected = okx("BTC-USDT")
    counts = replay(chosen, okx_files(), "okx", "spot", "BTC-USDT")
    assert (counts["spreads_book"], counts["trades"]) == (expected.top_changes, expected.trades)
    [row] = (
        client(settings)
        .query("SELECT sum(quantity), countIf(contracts IS NULL) FROM trades WHERE market = 'spot'")
        .result_rows
    )
    assert row == (expected.quantity, expected.trades)


def test_kraken_at_depth_ten(mill: tuple[Settings, dict[str, str]], tmp_path: Path) -> None:
    settings, chosen = mill
    counts = replay(chosen, [kraken_file(tmp_path)], "kraken", "spot", "BTC-USD")
    expected = kraken()
    assert counts["spreads_book"] == expected.top_changes
    [row] = (
        client(settings)
        .query(
            "SELECT bid_price, bid_quantity, ask_price, ask_quantity FROM spreads WHERE exchange = 'kraken'"
            " ORDER BY source_offset DESC LIMIT 1"
        )
        .result_rows
    )
    assert row == expected.top


def test_deribit_options(mill: tuple[Settings, dict[str, str]]) -> None:
    _, chosen = mill
    counts = replay(chosen, deribit_files(), "deribit", "option", "ETH-USD-210730-2800-C")
    assert counts["spreads_book"] > 0
    assert counts["derivatives"] > 0
