"""Through a proxy or not at all: sockets and REST, names resolved there, TLS from end to end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from bookmill.settings import ProducerSettings
from producers.account import Account
from producers.connection import FAILURES, Connection
from producers.ledger import Ledger
from producers.proxy import rest_options, socket_options
from producers.rest import Rest
from tests.unit.producers.local_proxies import BODY, HOST, LocalProxy, exchange
from venues.binance import BinanceSpot
from venues.interface import RestRequest

# The libraries leave a tunnel that came to nothing to the garbage collector: here, not in somebody else's test.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
SCHEMES = ("http", "socks5")
SETTINGS = ProducerSettings(backoff_initial_s=0.01, backoff_max_s=0.02)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this process trusts."""
    ca = trustme.CA()
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody there: the configured one is used
    return ca


async def first_frame(port: int, proxy: str, host: str = HOST) -> bytes:
    connection = await Connection.open("c", f"wss://{host}:{port}/stream", {}, proxy=proxy)
    try:
        socket: Any = connection._socket
        return bytes(await asyncio.wait_for(socket.recv(decode=False), 5))
    finally:
        await connection.close()


async def rest_answer(port: int, proxy: str, host: str = HOST) -> tuple[bytes | None, str]:
    """Body and problem after a second of trying."""
    rest = Rest(
        BinanceSpot(), f"https://{host}:{port}", Account(Ledger(None), "x", 6000, 0.5), SETTINGS, proxy=proxy
    )
    deadline = asyncio.get_running_loop().time() + 1.0
    try:
        body = await rest.get(
            RestRequest("/rest", {}, 1), wanted=lambda: asyncio.get_running_loop().time() < deadline
        )
        return body, rest.problem
    finally:
        await rest.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sockets_and_rest_go_through_it_and_it_resolves_the_name(scheme: str, authority: trustme.CA) -> None:
    async def run() -> None:
        async with exchange(authority) as port, LocalProxy(scheme).running() as proxy:
            assert await first_frame(port, proxy.url()) == b"hello"
            assert await rest_answer(port, proxy.url()) == (BODY, "")
            assert proxy.asked == [(HOST, port)] * 2

    asyncio.run(run())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_password_is_an_error_that_does_not_tell_it(scheme: str, authority: trustme.CA) -> None:
    async def run() -> None:
        async with exchange(authority) as port, LocalProxy(scheme).running() as proxy:
            with pytest.raises(FAILURES):
                await first_frame(port, proxy.url("wrong"))
            body, problem = await rest_answer(port, proxy.url("wrong"))
            assert body is None
            assert f"(through {scheme}://127.0.0.1:{proxy.port})" in problem
            assert "wrong" not in problem
            assert proxy.refused >= 2
            assert proxy.asked == []

    asyncio.run(run())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_dead_proxy_is_an_error_and_never_a_direct_connection(scheme: str, authority: trustme.CA) -> None:
    async def run() -> None:
        async with exchange(authority, "localhost") as port:
            async with LocalProxy(scheme).running() as proxy:
                assert await first_frame(port, proxy.url(), "localhost") == b"hello"
            # The exchange would answer: it is the proxy that is gone.
            with pytest.raises(FAILURES):
                await first_frame(port, proxy.url(), "localhost")
            body, problem = await rest_answer(port, proxy.url(), "localhost")
            assert body is None
            assert f"(through {scheme}://127.0.0.1:{proxy.port})" in problem

    asyncio.run(run())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_certificate_of_somebody_else_is_refused(scheme: str, authority: trustme.CA) -> None:
    async def run() -> None:
        async with exchange(authority, "other.test") as port, LocalProxy(scheme).running() as proxy:
            with pytest.raises(FAILURES, match=r"(?i)certificate"):
                await first_frame(port, proxy.url())
            body, problem = await rest_answer(port, proxy.url())
            assert body is None
            assert "certificate" in problem.lower()

    asyncio.run(run())


@pytest.mark.parametrize("address", ["ws://127.0.0.1:9/x", "http://localhost:9", "ws://[::1]:9"])
def test_without_one_addresses_of_this_machine_ask_no_proxy_of_the_environment(address: str) -> None:
    assert socket_options(address, None) == {"proxy": None}
    assert rest_options(address, None) == {"trust_env": False}


def test_without_one_the_environments_is_used_for_others() -> None:
    assert socket_options("wss://stream.example.net", None) == {}
    assert rest_options("https://api.example.net", None) == {"trust_env": True}
