"""Keys and origins of websockets, as real clients see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.keys import KeyFile
from gateway.serving import listen, uvicorn_config
from tests.unit.gateway.material import gateway


def served(talk: Callable[[str], Awaitable[None]], **settings: Any) -> None:
    """Talk to a gateway that stands on nothing."""

    async def serve() -> None:
        context = gateway(port=0, **settings)
        context.entered = [each for each in context.entered if each is context.hub]
        with listen(context.settings.gateway) as listening:
            server = uvicorn.Server(uvicorn_config(context))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                await talk(f"ws://127.0.0.1:{listening.getsockname()[1]}/api/v1/ws")
            finally:
                server.should_exit = True
                await serving

    asyncio.run(serve())


def protocols(key: str) -> list[Subprotocol]:
    return [Subprotocol("bookmill"), Subprotocol(f"key.{key}")]


def test_a_key_opens_a_websocket_and_a_wrong_one_is_told_so(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    made = file.add("desk", ["read"])

    async def talk(url: str) -> None:
        async with connect(url, subprotocols=protocols(made)) as socket:
            assert socket.subprotocol == "bookmill"
            assert "welcome" in str(await socket.recv())
        async with connect(url, additional_headers={"Authorization": f"Bearer {made}"}) as socket:
            assert "welcome" in str(await socket.recv())
        for refused in (protocols("bm_wrong"), None):
            async with connect(url, subprotocols=refused) as socket:
                with pytest.raises(ConnectionClosed) as caught:
                    await socket.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1008
                assert caught.value.rcvd.reason.startswith("key_refused" if refused else "key_needed")

    served(talk, read_needs_key=True, keys_file=file.path)


def test_a_page_of_another_site_gets_no_websocket() -> None:
    async def talk(url: str) -> None:
        for origin in ("http://evil.example", "null"):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(url, origin=Origin(origin)):
                    pass
            assert caught.value.response.status_code == 403
            assert b'"code":"bad_request"' in (caught.value.response.body or b"")
        async with connect(
            url, origin=Origin(url.replace("ws://", "http://").partition("/api")[0])
        ) as socket:
            assert "welcome" in str(await socket.recv())

    served(talk)
