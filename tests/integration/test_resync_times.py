"""How long a single lost book is lost, end to end: simulated exchange, producer, Kafka, worker. Prints the figures (``-s``)."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from bookmill.settings import Settings
from tests.integration.parts import RunningPart, environment, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_LOSSES = 6
_SYMBOLS = ("BTC-USDT", "ETH-USDT")


@pytest.mark.parametrize(
    ("exchange", "stream"), [("binance", "btcusdt@depth@100ms"), ("okx", "books:BTC-USDT")]
)
def test_a_lost_book_comes_back_and_the_other_never_notices(
    settings: Settings, tmp_path: Path, exchange: str, stream: str
) -> None:
    """Timed from the worker that sees the gap to the book that is live again; the other instrument's book is live all the time."""
    simulate = RunningPart(
        ["simulate", "--json", "--exchange", exchange, "--market", "spot", "--rate", "200", "--symbols", ",".join(_SYMBOLS)],
        environment(settings),
        tmp_path / "simulate.log",
    )  # fmt: skip
    with simulate:
        assert simulate.process.stdout
        address = json.loads(simulate.process.stdout.readline())["spot"]
        market = {
            "symbols": list(_SYMBOLS),
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
        chosen = environment(
            settings,
            exchanges=json.dumps({exchange: {"spot": market}}),
            producer__resubscribe_after_s="0.5",
            producer__rest_weight_share="1.0",
        )
        with (
            RunningPart(["produce"], chosen, tmp_path / "produce.log"),
            RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker,
            httpx2.Client(timeout=5) as client,
        ):

            def states() -> list[str]:
                told = client.get(f"{worker.address}/status").json()["instruments"]
                return [told.get(f"{exchange}.spot.{symbol}", {}).get("state", "") for symbol in _SYMBOLS]

            wait_until(lambda: worker.address, "the worker is there")
            wait_until(lambda: states() == ["live", "live"], "both books are live")
            taken_s = []
            for _ in range(_LOSSES):
                time.sleep(6.5)  # a loss by itself: one that follows another within 6 s waits longer
                answer = client.post(
                    f"{address['rest']}/simulator/faults", json={"fault": "disturb", "stream": stream}
                )
                assert answer.status_code == 200, answer.text
                lost_s = _watch(states, live=False, end_s=time.monotonic() + 20)
                live_s = _watch(states, live=True, end_s=lost_s + 60)
                taken_s.append(live_s - lost_s)
    print(  # noqa: T201  the figures are what this is for
        f"\n{exchange}: {_LOSSES} single losses, seconds from gap to live:"
        f" median {statistics.median(taken_s):.2f}, longest {max(taken_s):.2f}"
    )
    assert len(taken_s) == _LOSSES


def _watch(states: Callable[[], list[str]], *, live: bool, end_s: float) -> float:
    """When the first book is live, or is not; the other's is live throughout."""
    while True:
        first, other = states()
        assert other == "live"
        now_s = time.monotonic()
        if (first == "live") is live:
            return now_s
        assert now_s < end_s, f"still {first}"
        time.sleep(0.01)
