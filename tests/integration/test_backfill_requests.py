"""A request on ``control.requests`` brings trades that the socket has lost: simulator, producer, Kafka, worker."""

from __future__ import annotations

import io
import json
import struct
import time
from pathlib import Path
from typing import Any

import fastavro
import httpx2
import pytest
from confluent_kafka import Producer

from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas import registry
from schemas.catalogue import CONTROL_REQUESTS
from tests.integration.parts import RunningPart, environment, wait_until
from tests.integration.reading import events


def ask(settings: Settings, **span: Any) -> None:
    """Write a request as a worker writes it."""
    url, servers = settings.registry.url or "", settings.kafka.bootstrap_servers or ""
    prefix = settings.kafka.topic_prefix
    with registry.client(settings.registry, url) as client:
        [schema_id] = registry.register(client, url, [CONTROL_REQUESTS], prefix=prefix).values()
    request = {
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "wire_symbol": "BTCUSDT",
        "kind": "backfill",
        "reason": "a test",
        "requested_time": time.time_ns() // 1000,
        **span,
    }
    out = io.BytesIO(struct.pack(">bI", 0, schema_id))
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, fastavro.parse_schema(CONTROL_REQUESTS.schema), request)
    producer = Producer(client_config(settings.kafka, servers))
    producer.produce(prefix + CONTROL_REQUESTS.name, key=b"binance.spot.BTC-USDT", value=out.getvalue())
    assert producer.flush(10) == 0


@pytest.mark.slow
def test_a_request_brings_the_trades_that_the_socket_has_lost(settings: Settings, tmp_path: Path) -> None:
    simulate = ["simulate", "--exchange", "binance", "--symbols", "BTC-USDT", "--rate", "100", "--json"]
    with RunningPart(simulate, environment(settings), tmp_path / "simulate.log") as simulator:
        assert simulator.process.stdout
        address = json.loads(simulator.process.stdout.readline())["spot"]
        market = {
            "symbols": ["BTC-USDT"],
            "channels": ["trades"],
            "websocket_url": address["websocket"],
            "rest_url": address["rest"],
        }
        chosen = environment(settings, exchanges=json.dumps({"binance": {"spot": market}}))
        with (
            RunningPart(["worker"], chosen, tmp_path / "worker.log") as worker,
            RunningPart(["produce"], chosen, tmp_path / "produce.log") as producer,
        ):

            def come() -> int:
                return int(worker.status().get("trades", 0))

            wait_until(lambda: come() > 5, "trades come")
            fault = {"fault": "disturb", "stream": "btcusdt@trade", "what": "drop", "count": 5}
            assert httpx2.post(f"{address['rest']}/simulator/faults", json=fault).status_code == 200
            before = come()
            wait_until(lambda: come() > before + 30, "trades come again")
            ids = sorted(int(event["trade_id"]) for event in events(settings, "trades"))
            lost = sorted(set(range(ids[0], ids[-1])) - set(ids))
            assert len(lost) == 5

            ask(settings, first_trade_id=str(lost[0]), last_trade_id=str(lost[-1]))
            wait_until(lambda: producer.status()["markets"]["binance.spot"]["backfills"] == 1, "it is served")
            assert simulator.stop() == 0
            sent = json.loads(simulator.process.stdout.read())["spot"]["streams"]["btcusdt@trade"]["sent"]
            wait_until(lambda: come() == sent + 5, "every trade is an event")
            counts = producer.status()["markets"]["binance.spot"]
            assert (counts["backfill_pages"], counts["backfills_incomplete"]) == (1, 0)
            assert worker.status()["dead_letters"] == 0
            assert producer.stop() == 0
            assert worker.stop() == 0

    found = events(settings, "trades")
    assert sorted(int(event["trade_id"]) for event in found if event["source"] == "backfill") == lost
    assert len({event["trade_id"] for event in found}) == len(found) == sent + 5
    fetched = {event["receive_time"] for event in found if event["source"] == "backfill"}
    assert len(fetched) == 1, "one page, received at one time"
