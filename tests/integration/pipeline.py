"""The whole pipeline as real processes on the platform: simulated exchange, producer, worker, sink, gateway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from bookmill.archive import Archive
from bookmill.settings import Settings
from tests.integration.parts import RunningPart, environment, wait_until

__all__ = ["Pipeline"]


class Pipeline(ExitStack):
    """Started by :meth:`start`; ``get`` asks the gateway. ``symbols`` are collected of binance spot and usdm."""

    gateway: RunningPart
    producer: RunningPart
    sink: RunningPart
    worker: RunningPart

    def __init__(
        self, settings: Settings, folder: Path, symbols: Sequence[str] = ("BTC-USDT", "ETH-USDT")
    ) -> None:
        super().__init__()
        self.settings = settings
        self.symbols = tuple(symbols)
        self.exchange: dict[str, dict[str, str]] = {}
        """The simulated markets' addresses."""
        self._folder = folder
        self._client = self.enter_context(httpx2.Client(timeout=20))

    def start(self, *, rate: int = 200, **more: str) -> None:
        """All parts; returns when the gateway is ready and has a price of every instrument. ``more``: settings of all of them."""
        simulate = self.part(
            "simulate", "--json", "--rate", str(rate), "--symbols", ",".join(self.symbols), "--market", "spot", "--market", "usdm",
            environment=environment(self.settings),
        )  # fmt: skip
        assert simulate.process.stdout
        self.exchange = json.loads(simulate.process.stdout.readline())
        markets = {
            market: {
                "symbols": self.symbols,
                "websocket_url": address["websocket"],
                "rest_url": address["rest"],
            }
            for market, address in self.exchange.items()
        }
        self.environment = environment(
            self.settings,
            exchanges=json.dumps({"binance": markets}),
            gateway__port="0",
            worker__book_updates="true",
            sink__batch_ms="200",
            **more,
        )
        self.producer = self.part("produce")
        self.worker = self.part("worker")
        self.sink = self.part("sink")
        self.gateway = self.part("gateway")
        wait_until(lambda: self.address, "the gateway listens")
        wait_until(self._is_ready, "the gateway is ready and has prices")

    def part(self, *arguments: str, environment: dict[str, str] | None = None) -> RunningPart:
        """One more part, until the end."""
        chosen = self.environment if environment is None else environment
        return self.enter_context(RunningPart(list(arguments), chosen, self._folder / f"{arguments[0]}.log"))

    @property
    def address(self) -> str:
        """Where the gateway is served; empty until it is."""
        for line in self.gateway.log.splitlines():
            if "gateway is served" in line:
                return line.rpartition("address=")[2].split()[0]
        return ""

    def get(self, path: str, **parameters: Any) -> httpx2.Response:
        """The gateway's answer."""
        return self._client.get(self.address + path, params=parameters or None)

    def data(self, path: str, **parameters: Any) -> Any:
        """What stands under ``data`` at a path below ``/api/v1/``."""
        answer = self.get(f"/api/v1/{path}", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What ClickHouse says."""
        url = self.settings.clickhouse.url or ""
        async with Archive(self.settings.clickhouse, url, timeout_s=20) as archive:
            return list(await archive.rows(query))

    def come_to_rest(self) -> None:
        """End the producer; returns when everything it has written is stored, and known to the gateway."""
        self.producer.stop()

        def moving() -> tuple[object, ...]:
            status = self.data("status")
            return self.sink.status()["rows"], self.sink.status()["lag"], status["counters"]["events"]

        last = moving()

        def rests() -> bool:
            nonlocal last
            before, last = last, moving()
            return before == last and last[1] == 0

        wait_until(rests, "everything is stored")

    def _is_ready(self) -> bool:
        assert self.gateway.process.poll() is None, self.gateway.log[-2000:]
        return (
            self.get("/health").status_code == 200
            and len(self.data("prices")) == 2 * len(self.symbols)
            and all(each["state"] == "live" for each in self.data("orderbook/health"))
        )
