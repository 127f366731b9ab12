"""Who a request comes from, and whether it is let in: decided once, before anything else looks at it.

A client is its key, or its address. Reading needs a key where the settings say so; whatever changes something (every
method but GET, HEAD and OPTIONS, whatever its path) needs one with the scope ``control``, unless it comes from this machine to a
gateway that listens on this machine only, and no proxy has passed it on.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from bookmill.buffers import Buffer
from bookmill.errors import UnavailableError
from bookmill.settings import GatewaySettings
from gateway.errors import ApiError
from gateway.keys import Key, KeyRing
from gateway.origins import Origins, is_loopback
from gateway.rate_limits import RateLimits

__all__ = ["KEY_PROTOCOL", "Admission", "Caller"]

KEY_PROTOCOL = "key."
"""Before the key in a subprotocol of a websocket: a browser cannot send headers with it."""

_LONGEST_ADDRESS = 8192
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_PROTECTED = ("/api/", "/docs", "/health", "/metrics", "/openapi.json")
_OPEN = "/health/live"
"""What tells nothing but that the process serves."""


@dataclass(frozen=True, slots=True)
class Caller:
    """``name`` is ``key:<name>`` or an address; ``local``: on this machine, with nothing between."""

    name: str
    key: Key | None = None
    local: bool = False


class Admission:
    """Lets requests in or raises :class:`ApiError`. ``refused`` counts, by code."""

    def __init__(
        self,
        settings: GatewaySettings,
        ring: KeyRing,
        *,
        origins: Origins | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.ring = ring
        self.origins = origins or Origins(settings)
        self._limits = limits or RateLimits(settings.rate_per_s, settings.rate_burst)
        self._read_needs_key = settings.read_needs_key

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """What is remembered of clients."""
        return (self._limits.buffer,)

    def admit(self, scope: Scope, headers: Headers) -> Caller:
        """Who it is, where it may."""
        try:
            return self._admit(scope, headers)
        except ApiError as error:
            self.refused[error.code] += 1
            raise

    def _admit(self, scope: Scope, headers: Headers) -> Caller:
        peer = scope.get("client")
        address = peer[0] if peer else ""
        given = _given_key(scope, headers)
        key = self._key(given, address) if given else None
        caller = Caller(
            f"key:{key.name}" if key else _network(address), key, self._is_local(address, headers)
        )
        self._limit(caller.name)
        if given and key is None:
            raise _needs("key_refused", "This key is not known here.", "It may have been revoked.")
        if len(scope["path"]) + len(scope["query_string"]) > _LONGEST_ADDRESS:
            raise ApiError(414, "too_large", f"An address may have at most {_LONGEST_ADDRESS} characters.")
        host = headers.get("host", "")
        if not self.origins.answers_to(host):
            raise ApiError(
                421,
                "bad_request",
                f"{host[:100]!r} is no name of this gateway.",
                hint="gateway.hosts lists the names it has besides those of the machine itself.",
            )
        controls = scope["type"] == "http" and scope["method"] not in _HARMLESS
        if scope["type"] == "websocket" or (controls and key is None):
            self._require_own_page(headers)
        if controls:
            self._require_control(caller)
        elif self._read_needs_key and key is None and _is_protected(scope):
            raise _needs("key_needed", "Reading needs a key here.")
        return caller

    def _key(self, given: str, address: str) -> Key | None:
        try:
            return self.ring.find(given)
        except UnavailableError:
            self._limit(_network(address))
            raise

    def _limit(self, client: str) -> None:
        wait_s = self._limits.take(client)
        if wait_s:
            raise ApiError(
                429,
                "rate_limited",
                "These are too many requests at once.",
                hint=f"Ask again in {math.ceil(wait_s)} s.",
                headers={"retry-after": str(math.ceil(wait_s))},
            )

    def _require_own_page(self, headers: Headers) -> None:
        if self.origins.foreign(headers):
            raise ApiError(
                403,
                "bad_request",
                f"Pages of {headers.get('origin', 'other sites')[:100]} may not do this.",
                hint="gateway.cors_origins lists the origins of pages that may.",
            )

    def _require_control(self, caller: Caller) -> None:
        if caller.key is not None:
            if not caller.key.may("control"):
                raise ApiError(
                    403,
                    "scope_missing",
                    f"The key '{caller.key.name}' has not the scope control.",
                    hint="'bookmill keys add NAME --scope control' makes one that has.",
                )
        elif not caller.local:
            raise _needs("key_needed", "Control calls need a key here, with the scope control.")

    def _is_local(self, address: str, headers: Headers) -> bool:
        return self.origins.local and is_loopback(address) and not any(name in headers for name in _PASSED_ON)


def _given_key(scope: Scope, headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    if given := headers.get("x-api-key", "").strip():
        return given
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(KEY_PROTOCOL):
            found: str = protocol[len(KEY_PROTOCOL) :]
            return found
    return ""


def _needs(code: str, message: str, more: str = "") -> ApiError:
    hint = f"{more} Keys are sent as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'; 'bookmill keys' makes them."
    return ApiError(
        401,
        "key_refused" if code == "key_refused" else "key_needed",
        message,
        hint=hint.strip(),
        headers={"www-authenticate": "Bearer"},
    )


@lru_cache(maxsize=1024)
def _network(address: str) -> str:
    """An IPv4 address; of IPv6 the network, of which one client has all addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _is_protected(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["type"] == "websocket" or (path.startswith(_PROTECTED) and path != _OPEN)
