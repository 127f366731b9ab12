"""Webhooks: signed, repeated while that may help, refused where they may not go; a full queue refuses and counts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from bookmill.settings import AlertSettings
from schemas.codec import UNIT
from streams.watcher.delivery import Deliveries, Parcel
from streams.watcher.webhook import Outcome, Webhook, alert_body, host_of, sign

EVENT: dict[str, Any] = {
    "exchange": "binance",
    "market": "spot",
    "symbol": "BTC-USDT",
    "alert": "r:raw.binance.spot/0/00000000000000000001/000000",
    "rule": "r",
    "rule_name": "Über 65.000",
    "kind": "price_crosses",
    "state": "fired",
    "direction": "up",
    "value": 65_000 * UNIT + 1,
    "threshold": None,
    "message": "It has.",
    "dashboard": True,
    "receive_time": 1_700_000_000_000_001,
    "source_topic": "trades",
    "source_partition": 1,
    "source_offset": 2,
    "source_index": 3,
}


class Server:
    """Answers requests with ``statuses``, the last one for ever; None: cuts the connection."""

    def __init__(self, statuses: Sequence[int | None]) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.hold: asyncio.Event | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((headers, body))
        if self.hold is not None:
            await self.hold.wait()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is not None:
            location = "Location: /elsewhere\r\n" if status == 302 else ""
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{location}Connection: close\r\n\r\n".encode()
            )
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/secret"


def settings(**more: Any) -> AlertSettings:
    quick = {"webhook_backoff_initial_s": 0.001, "webhook_backoff_max_s": 0.002, "webhook_attempts": 3}
    return AlertSettings(**{**quick, **more})


def post(server: Server, **more: Any) -> Outcome:
    async def run() -> Outcome:
        async with (
            server.running() as url,
            Webhook(settings(**more), clock=lambda: 1_700_000_000.9) as webhook,
        ):
            return await webhook.post(url, "the alert", b'{"a":1}')

    return asyncio.run(run())


def test_what_is_sent_is_signed_with_its_time() -> None:
    server = Server([204])
    assert post(server, webhook_secret="s3cret") == Outcome("delivered", 1, "204")
    [(headers, body)] = server.requests
    assert body == b'{"a":1}'
    assert headers["x-bookmill-alert"] == "the alert"
    assert headers["content-type"] == "application/json; charset=utf-8"
    expected = hmac.new(b"s3cret", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert headers["x-bookmill-signature"] == f"t=1700000000,v1={expected}"
    assert sign(b"s3cret", b'{"a":1}', 1_700_000_000) == headers["x-bookmill-signature"]


def test_without_a_secret_nothing_is_signed() -> None:
    server = Server([200])
    post(server)
    assert "x-bookmill-signature" not in server.requests[0][0]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([503, 429, 200], Outcome("delivered", 3, "200")),
        ([None, 200], Outcome("delivered", 2, "200")),
        ([500], Outcome("failed", 3, "127.0.0.1 answers 500")),
        ([None], Outcome("failed", 3, "127.0.0.1 does not answer: RemoteProtocolError")),
        ([404], Outcome("refused", 1, "127.0.0.1 answers 404")),
        ([302], Outcome("refused", 1, "127.0.0.1 answers 302")),
    ],
)
def test_it_is_sent_again_while_that_may_help(statuses: list[int | None], outcome: Outcome) -> None:
    server = Server(statuses)
    assert post(server) == outcome
    assert len(server.requests) == outcome.attempts


def test_a_host_that_is_not_named_is_not_asked() -> None:
    server = Server([200])
    assert post(server, webhook_hosts=("hooks.example",)).result == "refused"
    assert server.requests == []
    assert post(server, webhook_hosts=("127.0.0.1",)).result == "delivered"


def test_nobody_who_answers_is_a_failure() -> None:
    async def run() -> Outcome:
        async with Webhook(settings(webhook_attempts=2)) as webhook:
            return await webhook.post("http://127.0.0.1:9/", "a", b"{}")

    assert asyncio.run(run()) == Outcome("failed", 2, "127.0.0.1 does not answer: ConnectError")


def test_the_body_has_exact_numbers_as_texts() -> None:
    body = json.loads(alert_body(EVENT))
    assert body["value"] == "65000.000000000000000001"
    assert body["threshold"] is None
    assert (body["instrument"], body["rule_name"]) == ("binance.spot.BTC-USDT", "Über 65.000")
    assert (body["receive_time"], body["receive_time_us"]) == (
        "2023-11-14T22:13:20.000001Z",
        1_700_000_000_000_001,
    )
    assert body["event_id"] == "trades/1/00000000000000000002/000003"


def test_a_log_shows_the_host_and_nothing_more() -> None:
    assert host_of("https://hooks.example:8443/services/T0/secret?key=1") == "hooks.example"


def test_a_full_queue_refuses_and_counts_and_what_was_refused_is_done_with() -> None:
    server, done = Server([200]), list[str]()

    async def run() -> Deliveries:
        server.hold = asyncio.Event()
        async with server.running() as url:
            posts = Deliveries(settings(webhook_queue=2))
            posts.start()
            for number in range(10):
                posts.put(Parcel("r", str(number), url, b"{}", lambda name=str(number): done.append(name)))  # type: ignore[misc]
                await asyncio.sleep(0.02)
            # Four are under way, two wait, four are too many.
            assert done == ["6", "7", "8", "9"]
            assert (posts.buffer().used, posts.buffer().limit, posts.buffer().lost) == (6, 6, 4)
            server.hold.set()
            while len(done) < 10:
                posts.check()
                await asyncio.sleep(0.01)
            await posts.stop()
            return posts

    with structlog.testing.capture_logs() as logs:
        posts = asyncio.run(run())
    assert posts.counts == {"overflowed": 4, "failed": 4, "delivered": 6}
    assert [one["result"] for one in posts.recent] == ["failed"] * 4 + ["delivered"] * 6
    assert not any("secret" in str(each) for each in logs)


def test_what_waits_when_it_stops_is_not_done_with() -> None:
    server, done = Server([200]), list[int]()

    async def run() -> None:
        server.hold = asyncio.Event()
        async with server.running() as url:
            posts = Deliveries(settings())
            posts.start()
            posts.put(Parcel("r", "1", url, b"{}", lambda: done.append(1)))
            while not server.requests:
                await asyncio.sleep(0.01)
            await posts.stop()
            server.hold.set()
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert done == []
