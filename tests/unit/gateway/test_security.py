"""What a request has to pass before anything looks at it: names, origins, keys, floods, sizes. And what every answer carries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from bookmill.settings import GatewaySettings
from gateway.admission import Admission
from gateway.keys import KeyFile, KeyRing
from gateway.rate_limits import RateLimits
from gateway.security import POLICY, Security, caller

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing listens there
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]


class World:
    """The application below hears what comes through, and answers it."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.file = KeyFile(path / "keys.json")
        self.reader = self.file.add("desk", ["read"])
        self.operator = self.file.add("operator", ["control"])
        self.heard: list[tuple[Scope, bytes]] = []
        self.clock_s = 0.0
        chosen = self.settings = GatewaySettings(**settings)
        self.admission = Admission(
            chosen,
            KeyRing(self.file.path),
            limits=RateLimits(chosen.rate_per_s, chosen.rate_burst, clock=lambda: self.clock_s),
        )
        below = Starlette(routes=[Route("/{path:path}", self._answer, methods=METHODS)])
        self.app = Security(below, settings=chosen, admission=self.admission)

    async def _answer(self, request: Request) -> JSONResponse:
        self.heard.append((request.scope, await request.body()))
        return JSONResponse({"who": caller(request.scope).name})

    def ask(
        self,
        method: str = "GET",
        path: str = "/api/v1/prices",
        *,
        peer: str = "127.0.0.1",
        host: str = "127.0.0.1:8400",
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] = {},
        **more: str,
    ) -> httpx2.Response:
        named = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}

        async def once() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, client=(peer, 5))
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
                return await client.request(method, path, content=content, headers={"host": host, **named})

        return asyncio.run(once())

    def knock(
        self, *, headers: Mapping[str, str] = {}, subprotocols: list[str] | None = None
    ) -> list[Message]:
        """Open a websocket; what it was sent."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        offered = {"sec-websocket-protocol": ", ".join(subprotocols)} if subprotocols else {}
        scope: Scope = {
            "type": "websocket",
            "path": "/api/v1/ws",
            "query_string": b"",
            "client": ("127.0.0.1", 5),
            "subprotocols": subprotocols or [],
            "headers": [
                (name.encode(), value.encode())
                for name, value in {"host": "127.0.0.1:8400", **headers, **offered}.items()
            ],
        }

        async def below(scope: Scope, receive: Receive, send: Send) -> None:
            self.heard.append((scope, b""))
            await send({"type": "websocket.accept", "subprotocol": None})

        app = Security(below, settings=self.settings, admission=self.admission)
        asyncio.run(app(scope, receive, send))
        return sent


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["error"]["code"]


def test_reading_from_this_machine_needs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    answer = world.ask()
    assert (answer.status_code, answer.json()) == (200, {"who": "127.0.0.1"})


def test_every_answer_tells_browsers_to_be_careful(tmp_path: Path) -> None:
    world = World(tmp_path)
    for answer in (world.ask(), world.ask(host="evil.example"), world.ask("POST", content=b"x" * 100_000)):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in answer.headers
    assert "script-src 'self';" in POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8400", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8400", 200),
        ("127.1.2.3", 200),
        ("evil.example:8400", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("[::2]:8400", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_a_local_gateway_answers_to_this_machines_names_only(tmp_path: Path, host: str, status: int) -> None:
    assert World(tmp_path).ask(host=host).status_code == status


def test_other_names_can_be_given_to_it(tmp_path: Path) -> None:
    world = World(tmp_path, hosts=["data.example"])
    assert world.ask(host="Data.example").status_code == 200
    assert world.ask(host="other.example").status_code == 421
    assert World(tmp_path / "b", host=EVERYWHERE).ask(host="any.example", peer="10.0.0.1").status_code == 200
    named = World(tmp_path / "c", host=EVERYWHERE, hosts=["data.example"])
    assert named.ask(host="any.example", peer="10.0.0.1").status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "ODD"])
def test_control_needs_a_key_with_that_scope_unless_all_is_on_this_machine(
    tmp_path: Path, method: str
) -> None:
    world = World(tmp_path, host=EVERYWHERE)
    assert code(world.ask(method, peer="10.0.0.1")) == (401, "key_needed")
    assert code(world.ask(method, peer="127.0.0.1")) == (401, "key_needed"), "others may come the same way"
    assert code(world.ask(method, peer="10.0.0.1", x_api_key=world.reader)) == (403, "scope_missing")
    assert code(world.ask(method, peer="10.0.0.1", x_api_key="bm_wrong")) == (401, "key_refused")
    assert not world.heard
    assert world.ask(method, "/any/path", peer="10.0.0.1", x_api_key=world.operator).status_code in (200, 405)
    local = World(tmp_path / "local")
    assert local.ask(method).status_code in (200, 405)
    assert code(local.ask(method, peer="10.0.0.1")) == (401, "key_needed")


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_what_a_proxy_passes_on_is_not_from_this_machine(tmp_path: Path, header: str) -> None:
    world = World(tmp_path)
    assert code(world.ask("POST", headers={header: "10.0.0.1"})) == (401, "key_needed")
    assert world.ask("POST", x_api_key=world.operator, headers={header: "10.0.0.1"}).status_code == 200
    assert world.ask("GET", headers={header: "10.0.0.1"}).status_code == 200


def test_keys_come_in_either_header_and_go_no_further(tmp_path: Path) -> None:
    world = World(tmp_path)
    for headers in ({"authorization": f"Bearer {world.reader}"}, {"x-api-key": world.reader}):
        assert world.ask(headers=headers).json() == {"who": "key:desk"}
    for scope, _ in world.heard:
        assert all(world.reader.encode() not in value for _, value in scope["headers"])
    assert code(world.ask(authorization="Bearer nonsense")) == (401, "key_refused")
    assert world.ask(authorization="Basic dTpw").status_code == 200, "another scheme is none of ours"
    answer = world.ask(x_api_key=world.reader + "x")
    assert world.reader not in answer.text
    assert answer.headers["www-authenticate"] == "Bearer"


def test_reading_can_need_a_key(tmp_path: Path) -> None:
    world = World(tmp_path, read_needs_key=True)
    for path in ("/api/v1/prices", "/metrics", "/health", "/docs", "/openapi.json", "/api/v1/nothing"):
        assert code(world.ask("GET", path)) == (401, "key_needed"), path
        assert world.ask("GET", path, x_api_key=world.reader).status_code == 200
    for path in ("/", "/health/live", "/dashboard.js"):
        assert world.ask("GET", path).status_code == 200, path


def test_keys_that_cannot_be_checked_let_nobody_in(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.file.path.write_text("{", encoding="utf-8")
    assert code(world.ask(x_api_key=world.reader)) == (503, "unavailable")
    assert world.ask().status_code == 200, "who has none needs none"


OURS = "http://127.0.0.1:8400"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": OURS}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://["}, False),
        ({"origin": "https://charts.example"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
    ],
)
def test_pages_of_others_can_neither_control_nor_open_websockets(
    tmp_path: Path, headers: dict[str, str], allowed: bool
) -> None:
    world = World(tmp_path, cors_origins=["https://charts.example"])
    assert world.ask("POST", headers=headers).status_code == (200 if allowed else 403)
    assert world.ask("GET", headers=headers).status_code == 200, "it cannot read the answer"
    [first, *_] = world.knock(headers=headers)
    assert first["type"] == ("websocket.accept" if allowed else "websocket.http.response.start")


def test_only_pages_that_are_named_may_read(tmp_path: Path) -> None:
    world = World(tmp_path, cors_origins=["https://charts.example"])
    allowed = world.ask(origin="https://charts.example")
    assert allowed.headers["access-control-allow-origin"] == "https://charts.example"
    assert "Origin" in allowed.headers["vary"]
    assert "access-control-allow-credentials" not in allowed.headers
    assert "access-control-allow-origin" not in world.ask(origin="https://evil.example").headers
    refused = world.ask("POST", origin="https://charts.example", x_api_key="bm_wrong")
    assert refused.headers["access-control-allow-origin"] == "https://charts.example"
    asked = world.ask("OPTIONS", origin="https://charts.example", access_control_request_method="POST")
    assert asked.status_code == 204
    assert "X-Api-Key" in asked.headers["access-control-allow-headers"]
    other = world.ask("OPTIONS", origin="https://evil.example", access_control_request_method="POST")
    assert "access-control-allow-origin" not in other.headers


def test_a_flood_of_one_client_is_stopped_and_nobody_else_notices(tmp_path: Path) -> None:
    world = World(tmp_path, rate_per_s=2.0, rate_burst=3)
    statuses = [world.ask().status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = world.ask()
    assert refused.headers["retry-after"] == "1"
    assert code(refused) == (429, "rate_limited")
    assert len(world.heard) == 3
    assert world.ask(peer="127.0.0.2").status_code == 200
    assert world.ask(x_api_key=world.reader).status_code == 200, "a key has a bucket of its own"
    assert world.knock()[0]["status"] == 429
    world.clock_s += 0.5
    assert world.ask().status_code == 200
    assert world.admission.refused["rate_limited"] == 4


def test_wrong_keys_are_counted_against_the_address_and_one_ipv6_network_is_one_client(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, host=EVERYWHERE, rate_per_s=0.001, rate_burst=2)
    assert [world.ask(peer="10.0.0.1", x_api_key=f"bm_{n}").status_code for n in range(3)] == [401, 401, 429]
    peers = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8::3"]
    assert [world.ask(peer=peer).status_code for peer in peers] == [200, 200, 429]
    assert world.ask(peer="2001:db8:0:1::1").status_code == 200
    assert [world.ask(peer=peer).status_code for peer in ("::ffff:10.0.0.9", "10.0.0.9", "10.0.0.9")] == [
        200,
        200,
        429,
    ]


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_a_body_that_is_too_large_is_not_heard(tmp_path: Path) -> None:
    world = World(tmp_path, max_body_kib=1)
    assert world.ask("POST", content=b"x" * 1024).status_code == 200
    assert world.heard.pop()[1] == b"x" * 1024
    for content in (b"x" * 1025, pieces(1000, 100)):
        answer = world.ask("POST", content=content)
        assert code(answer) == (413, "too_large")
        assert answer.headers["connection"] == "close"
    assert code(world.ask("GET", content=b"x" * 1025)) == (413, "too_large")
    assert world.ask("POST", content=pieces(10, 100)).status_code == 200
    assert world.heard == [(world.heard[0][0], b"x" * 1000)]


def test_an_address_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert code(World(tmp_path).ask("GET", "/api/v1/prices?symbol=" + "x" * 9000)) == (414, "too_large")


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.security._BODY_S", 0.01)
    world = World(tmp_path)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "client": ("127.0.0.1", 5),
        "headers": [(b"host", b"localhost"), (b"content-length", b"10")],
    }
    asyncio.run(world.app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert not world.heard


def test_a_client_that_goes_away_within_its_body_is_answered_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    receive: Callable[[], Awaitable[Message]] = _gone
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "client": ("127.0.0.1", 5),
        "headers": [(b"host", b"localhost"), (b"content-length", b"10")],
    }
    asyncio.run(world.app(scope, receive, send))
    assert not sent
    assert not world.heard


async def _gone() -> Message:
    return {"type": "http.disconnect"}


def test_a_websockets_key_comes_as_a_subprotocol_and_goes_no_further(tmp_path: Path) -> None:
    world = World(tmp_path, read_needs_key=True)
    [accepted] = world.knock(subprotocols=["bookmill", f"key.{world.reader}"])
    assert accepted["type"] == "websocket.accept"
    [(scope, _)] = world.heard
    assert caller(scope).name == "key:desk"
    assert scope["subprotocols"] == ["bookmill"]
    assert world.reader not in repr(scope["headers"])
    assert world.knock(headers={"authorization": f"Bearer {world.reader}"})[0]["type"] == "websocket.accept"


def test_a_websocket_with_a_wrong_key_or_none_is_closed_with_the_reason(tmp_path: Path) -> None:
    world = World(tmp_path, read_needs_key=True)
    accepted, closed = world.knock(subprotocols=["bookmill", "key.bm_wrong"])
    assert (accepted["type"], accepted["subprotocol"]) == ("websocket.accept", "bookmill")
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert "key_refused" in closed["reason"]
    accepted, closed = world.knock()
    assert accepted["subprotocol"] is None
    assert "key_needed" in closed["reason"]
    assert not world.heard


def test_names_and_origins_of_websockets_are_looked_at_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    [start, body] = world.knock(headers={"host": "evil.example"})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 421)
    assert json.loads(body["body"])["error"]["code"] == "bad_request"
    assert not world.heard
