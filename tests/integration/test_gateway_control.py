"""Control calls on the whole pipeline: what is asked of the gateway is what is collected, and it says when it is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from bookmill.settings import Settings
from tests.integration.parts import wait_until
from tests.integration.pipeline import Pipeline

SPOT = "binance/spot"


def call(pipeline: Pipeline, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    return httpx2.request(
        method,
        f"{pipeline.address}/api/v1/{path}",
        params={"wait": "40"},
        json=body,
        headers=headers,
        timeout=60,
    )


def states(answer: Any) -> dict[str, str]:
    return {each["instrument"]: each["state"] for each in answer}


def test_what_is_asked_for_is_collected_and_what_is_ended_is_not(settings: Settings, tmp_path: Path) -> None:
    with Pipeline(settings, tmp_path) as pipeline:
        pipeline.start(producer__shared="true", producer__connection_id="shared")
        four = {f"binance.{market}.{symbol}" for market in ("spot", "usdm") for symbol in pipeline.symbols}
        wait_until(
            lambda: states(pipeline.data("subscriptions")) == dict.fromkeys(four, "collected"),
            "all are collected",
        )
        shown = pipeline.data("subscriptions", market="spot", symbol="ETH-USDT")
        assert [each["collector"] for each in shown] == ["shared"]
        assert shown[0]["asked_by"].startswith("settings")

        ended = call(pipeline, "DELETE", f"subscriptions/{SPOT}/ETH-USDT")
        assert (ended.status_code, ended.json()["data"]["state"]) == (200, "stopped"), ended.text
        assert pipeline.producer.status()["subscriptions"]["collected"] == sorted(
            four - {"binance.spot.ETH-USDT"}
        )

        wanted = {
            "exchange": "Binance",
            "market": "spot",
            "symbol": "eth-usdt",
            "channels": ["trades", "best"],
        }
        begun = call(pipeline, "POST", "subscriptions", wanted)
        assert (begun.status_code, begun.json()["data"]["state"]) == (200, "collected"), begun.text
        assert begun.json()["data"]["channels"] == ["trades", "best"]
        assert begun.json()["data"]["asked_by"] == "gateway 127.0.0.1"

        unknown = call(pipeline, "POST", "subscriptions", {**wanted, "symbol": "ETHH-USDT"})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_instrument")
        assert "ETH-USDT" in unknown.json()["error"]["hint"]
        for body, field in (
            ({**wanted, "channels": ["books"]}, "channels.0"),
            ({**wanted, "more": 1}, "more"),
            ([], None),
        ):
            refused = call(pipeline, "POST", "subscriptions", body)
            assert (refused.status_code, refused.json()["error"]["field"]) == (400, field)
        assert call(pipeline, "DELETE", f"subscriptions/{SPOT}/ADA-USDT").status_code == 404
        assert (
            call(pipeline, "POST", "collectors/binanze/stop").json()["error"]["hint"]
            == "Did you mean binance?"
        )
        foreign = call(pipeline, "POST", "collectors/binance/stop", origin="http://evil.example")
        assert foreign.status_code == 403
        assert states(pipeline.data("subscriptions")) == dict.fromkeys(four, "collected"), (
            "nothing has changed"
        )

        call(pipeline, "DELETE", "subscriptions/binance/usdm/BTC-USDT")
        left = four - {"binance.usdm.BTC-USDT"}
        stopped = call(pipeline, "POST", "collectors/binance/stop").json()["data"]
        assert states(stopped) == dict.fromkeys(left, "stopped")
        assert pipeline.producer.status()["subscriptions"]["collected"] == []
        started = call(pipeline, "POST", "collectors/binance/start").json()["data"]
        assert states(started) == dict.fromkeys(left, "collected"), started
        by_key = {each["instrument"]: each for each in started}
        assert by_key["binance.spot.ETH-USDT"]["channels"] == ["trades", "best"]
        assert by_key["binance.spot.BTC-USDT"]["asked_by"].startswith("settings")
