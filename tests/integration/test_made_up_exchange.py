"""An exchange the project has never heard of, simulated, collected and turned into events by naming its two files (docs/adding-an-exchange.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from bookmill.settings import Settings
from tests.integration.parts import RunningPart, environment, wait_until
from tests.integration.reading import events

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = ("BTC-USDT", "ETH-USDT")


def named(settings: Settings, **more: str) -> dict[str, str]:
    """The environment that makes a child know the exchange: two names, and where Python finds them."""
    return {
        **environment(
            settings,
            adapters="agora.spot=tests.made_up.adapter:AgoraSpot",
            simulators="agora.spot=tests.made_up.simulated:spot",
            **more,
        ),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }


@pytest.mark.slow
def test_an_exchange_is_added_by_naming_its_adapter_and_its_dialect(
    settings: Settings, tmp_path: Path
) -> None:
    simulate = ["simulate", "--exchange", "agora", "--symbols", ",".join(SYMBOLS), "--json"]
    with RunningPart(simulate, named(settings), tmp_path / "simulate.log") as simulator:
        assert simulator.process.stdout
        address = json.loads(simulator.process.stdout.readline())["spot"]
        market = {
            "symbols": SYMBOLS,
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
        chosen = named(
            settings, exchanges=json.dumps({"agora": {"spot": market}}), worker__resync_retry_s="0.5"
        )
        listed = subprocess.run(
            [sys.executable, "-m", "bookmill", "instruments", "--json"],
            env=chosen,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert [json.loads(line)["wire_symbol"] for line in listed] == ["btc_usdt", "eth_usdt"]

        with (
            RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker,
            RunningPart(["produce"], chosen, tmp_path / "produce.log") as producer,
        ):
            wait_until(lambda: _states(worker) == {f"agora.spot.{one}": "live" for one in SYMBOLS}, "live")
            fault = {"fault": "disturb", "stream": "book:btc_usdt", "what": "drop"}
            assert httpx2.post(f"{address['rest']}/simulator/faults", json=fault).status_code == 200
            wait_until(lambda: worker.status()["gaps"] == 1, "the lost change is noticed")
            wait_until(lambda: set(_states(worker).values()) == {"live"}, "a new image heals it")
            wait_until(lambda: worker.status()["tickers"], "a second has passed")

            assert simulator.stop() == 0
            sent = json.loads(simulator.process.stdout.read())["spot"]["streams"]
            fills = sum(sent[f"fills:{wire}"]["sent"] for wire in ("btc_usdt", "eth_usdt"))
            wait_until(lambda: worker.status()["trades"] == fills, "every trade is an event")
            assert producer.status()["undelivered"] == 0
            assert producer.stop() == 0
            assert worker.status()["dead_letters"] == 0
            assert worker.stop() == 0

    trades = events(settings, "trades")
    assert len(trades) == fills > 0
    assert {(one["exchange"], one["market"], one["symbol"]) for one in trades} == {
        ("agora", "spot", symbol) for symbol in SYMBOLS
    }
    assert {one["state"] for one in events(settings, "spreads")} == {"live"}
    assert {one["reason"] for one in events(settings, "book_snapshots")} == {"resync", "interval"}
    assert {one["symbol"] for one in events(settings, "tickers")} == set(SYMBOLS)
    assert {one["wire_symbol"] for one in events(settings, "instruments")} == {"btc_usdt", "eth_usdt"}


def _states(worker: RunningPart) -> dict[str, str]:
    return {name: one["state"] for name, one in worker.status().get("instruments", {}).items()}
