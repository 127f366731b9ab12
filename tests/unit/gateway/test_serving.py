"""The gateway as a process: where it listens, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import trustme
import uvloop

from bookmill.errors import ConfigurationError, PortInUseError
from bookmill.settings import GatewaySettings
from gateway.context import Context
from gateway.serving import GatewayServer, address_of, doors, listen, uvicorn_config
from tests.unit.gateway.material import gateway


def test_a_free_port_is_taken_and_told() -> None:
    settings = GatewaySettings(port=0)
    with listen(settings) as listening:
        port = listening.getsockname()[1]
        assert address_of(settings, listening) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortInUseError) as raised:
            listen(GatewaySettings(port=port))
    assert f"127.0.0.1:{port}" in str(raised.value)
    assert "BOOKMILL_GATEWAY__PORT" in raised.value.hint


def test_an_address_of_the_sixth_version_is_in_brackets() -> None:
    settings = GatewaySettings(host="::1", port=0)
    if not socket.has_ipv6:
        pytest.skip("This machine has no IPv6.")
    with listen(settings) as listening:
        assert address_of(settings, listening).startswith("http://[::1]:")


def test_a_host_that_is_none_is_said_to_be_none() -> None:
    with pytest.raises(ConfigurationError, match=r"gateway\.host"):
        listen(GatewaySettings(host="no such host.invalid", port=0))


def test_a_certificate_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    context = gateway(tls_certificate=tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError, match="tls_certificate"):
        uvicorn_config(context)
    (tmp_path / "empty.pem").write_text("none")
    context = gateway(tls_certificate=tmp_path / "empty.pem")
    with pytest.raises(ConfigurationError, match="tls_certificate"):
        uvicorn_config(context)


def served(context: Context, use: Callable[[str, GatewayServer], Awaitable[None]]) -> None:
    """Serve without any other side, as a process does, until told to stop."""
    context.entered.clear()
    settings = context.settings.gateway

    async def both() -> None:
        with listen(settings) as listening:
            server = GatewayServer(uvicorn_config(context), context)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            await use(address_of(settings, listening), server)
            await asyncio.wait_for(serving, 20)

    asyncio.run(both())


def test_sigterm_ends_it_after_what_it_was_answering() -> None:
    async def use(address: str, _: GatewayServer) -> None:
        async with httpx2.AsyncClient(base_url=address) as client:
            assert (await client.get("/health/live")).status_code == 200
            os.kill(os.getpid(), signal.SIGTERM)

    served(gateway(port=0), use)


def test_a_failure_in_the_background_ends_it() -> None:
    context = gateway(port=0)

    async def use(_: str, __: GatewayServer) -> None:
        context.failure.note(ZeroDivisionError())

    served(context, use)
    assert isinstance(context.failure.error, ZeroDivisionError)


def test_tls_by_settings(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)

    async def use(address: str, server: GatewayServer) -> None:
        assert address.startswith("https://127.0.0.1:")
        async with httpx2.AsyncClient(base_url=address, verify=trusted) as client:
            answer = await client.get("/health/live")
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        server.should_exit = True

    served(gateway(port=0, tls_certificate=tmp_path / "chain.pem", tls_key=tmp_path / "key.pem"), use)


def test_many_who_come_at_once_do_not_wait_for_a_turn_of_the_loop_each() -> None:
    many = 100

    async def turns(listening: socket.socket) -> int:
        came: list[asyncio.BaseTransport] = []

        class Wire(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                came.append(transport)

        loop = asyncio.get_running_loop()
        opened = doors(listening)
        servers = [await loop.create_server(Wire, sock=door, backlog=many) for door in opened]
        clients = [socket.create_connection(listening.getsockname()) for _ in range(many)]
        count = 0
        while len(came) < many:
            count += 1
            await asyncio.sleep(0)
        for one in (*clients, *servers, *came, *opened):
            one.close()
        await asyncio.sleep(0.01)
        return count

    with listen(GatewaySettings(port=0)) as listening:
        assert uvloop.run(turns(listening)) < many / 4
