"""Browsers run pages of anybody: under which names the gateway may be asked, and pages of which origins may do so.

A page of another site can send requests to this machine. It cannot read the answers, unless its origin is among
``gateway.cors_origins``; it could make calls that change something, and open websockets, which is refused here. A page whose own
name is made to point at this machine (DNS rebinding) would be of the same origin: where the gateway listens on this machine
only, it answers to this machine's names and those in ``gateway.hosts`` alone.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from bookmill.settings import GatewaySettings

__all__ = ["Origins", "is_loopback"]

_METHODS = "GET, HEAD, POST, PUT, DELETE"
_HEADERS = "Authorization, Content-Type, If-None-Match, X-Api-Key"
_EXPOSED = "ETag, Retry-After"
_REMEMBERED_S = "600"
_FOREIGN = frozenset({"cross-site", "same-site"})


class Origins:
    """The rules, from the settings. ``local``: whether the gateway listens on this machine only."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.local = is_loopback(settings.host)
        self._any_host = not self.local and not settings.hosts
        self._hosts = {each.lower() for each in (*settings.hosts, settings.host)}
        self._allowed = {each.lower().rstrip("/") for each in settings.cors_origins}

    def answers_to(self, host: str) -> bool:
        """Whether that (of the header ``Host``) is one of our names."""
        name = _name(host)
        return self._any_host or is_loopback(name) or name in self._hosts

    def foreign(self, headers: Headers) -> bool:
        """Whether a browser sends this in the name of a page that is neither ours nor allowed."""
        origin = headers.get("origin")
        if origin is not None:
            return not self._is_allowed(origin) and _authority(origin) != headers.get("host", "").lower()
        return headers.get("sec-fetch-site", "") in _FOREIGN

    def cors(self, headers: Headers) -> dict[str, str]:
        """What lets the page that asks read the answer; nothing for pages that may not."""
        origin = headers.get("origin")
        if origin is None or not self._is_allowed(origin):
            return {}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": _EXPOSED,
        }

    def preflight(self, headers: Headers) -> dict[str, str]:
        """The answer to the question whether a page may make a call; nothing for pages that may not."""
        found = self.cors(headers)
        return found and {
            **found,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _HEADERS,
            "access-control-max-age": _REMEMBERED_S,
        }

    def _is_allowed(self, origin: str) -> bool:
        return origin.lower() in self._allowed


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, whatever the network."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """``Host`` without its port and the brackets of an IPv6 address."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _authority(origin: str) -> str:
    """Host and port of an origin; empty for one that has none, as ``null``."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
