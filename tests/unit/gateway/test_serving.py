"""The gateway as a process: where it listens, and what it says when it cannot."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bookmill.errors import ConfigurationError, PortInUseError
from bookmill.settings import GatewaySettings
from gateway.serving import address_of, listen, uvicorn_config
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
