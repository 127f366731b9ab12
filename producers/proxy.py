"""The way to an exchange: directly, or through a proxy and then through nothing else.

A configured proxy is used for every address. Without one the environment's (``HTTPS_PROXY`` and its like) is, except for
addresses of this machine. Names are resolved by the proxy, TLS is from here to the exchange, whatever stands between.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

__all__ = ["rest_options", "socket_options", "through"]


def socket_options(address: str, proxy: str | None) -> dict[str, Any]:
    """Arguments of ``websockets``' ``connect``. Its ``socks5`` resolves names here, ``socks5h`` there."""
    if proxy is not None:
        scheme, _, rest = proxy.partition("://")
        return {"proxy": f"socks5h://{rest}" if scheme == "socks5" else proxy}
    return {"proxy": None} if _is_local(address) else {}


def rest_options(address: str, proxy: str | None) -> dict[str, Any]:
    """Arguments of an ``httpx2`` client."""
    if proxy is not None:
        return {"proxy": proxy}
    return {"trust_env": not _is_local(address)}


def through(proxy: str | None) -> str:
    """For messages, without the password: `` (through socks5://host:port)``, or nothing."""
    if proxy is None:
        return ""
    parts = urlsplit(proxy)
    return f" (through {parts.scheme}://{parts.hostname}:{parts.port})"


def _is_local(address: str) -> bool:
    """Whether it is on this machine: then no proxy of the environment stands in between."""
    host = urlsplit(address).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
