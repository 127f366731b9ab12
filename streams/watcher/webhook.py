"""Alerts by POST: the body, its signature, and what became of it.

A receiver checks ``X-Bookmill-Signature: t=<seconds>,v1=<hex>``: v1 is the HMAC-SHA256 of ``<t>.<body>`` with the shared secret, t not
long ago. ``X-Bookmill-Alert`` names the alert: the same one may come twice, and has the same name then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

import httpx2
import stamina

from bookmill.decimals import plain_text
from bookmill.errors import RefusedError, UnavailableError
from bookmill.settings import AlertSettings
from schemas.event_id import event_id
from schemas.fields import SOURCE, Event

__all__ = ["Outcome", "Webhook", "alert_body", "host_of", "sign"]

_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500


class Outcome(NamedTuple):
    """``delivered``; ``failed``: it answered, or did not, so often that it was given up; ``refused``: it may not be asked, or answered no."""

    result: Literal["delivered", "failed", "refused"]
    attempts: int
    reason: str


def alert_body(event: Event) -> bytes:
    """A decoded event of ``alerts`` as receivers get it: JSON; numbers that are exact are texts."""
    micros = event["receive_time"]
    shown: dict[str, Any] = {
        "instrument": f"{event['exchange']}.{event['market']}.{event['symbol']}",
        **{name: event[name] for name in ("exchange", "market", "symbol", "alert", "rule", "rule_name")},
        **{name: event[name] for name in ("kind", "state", "direction")},
        **{name: None if event[name] is None else plain_text(event[name]) for name in ("value", "threshold")},
        "message": event["message"],
        "receive_time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(micros // 1_000_000))}.{micros % 1_000_000:06d}Z",
        "receive_time_us": micros,
        "event_id": event_id(*(event[name] for name in SOURCE)),
    }
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()


def sign(secret: bytes, body: bytes, seconds: int) -> str:
    """The value of ``X-Bookmill-Signature``."""
    digest = hmac.new(secret, b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def host_of(url: str) -> str:
    """All of an address that is fit for a log: its path may be a secret."""
    return urlsplit(url).hostname or ""


class Webhook:
    """Posts alerts as the settings say. Use as an asynchronous context manager."""

    def __init__(self, settings: AlertSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._hosts = {host.lower() for host in settings.webhook_hosts}
        secret = settings.webhook_secret
        self._secret = secret.get_secret_value().encode() if secret else None
        self._clock = clock
        # Nothing of the environment: an alert does not go through whatever proxy a shell happens to name.
        self._client = httpx2.AsyncClient(
            timeout=settings.webhook_timeout_s, follow_redirects=False, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, url: str, alert: str, body: bytes) -> Outcome:
        """Send ``body`` until it is taken, refused, or has been sent often enough."""
        host = host_of(url)
        if self._hosts and host.lower() not in self._hosts:
            return Outcome("refused", 0, f"alerts.webhook_hosts does not name {host}")
        attempts = 0
        settings = self._settings
        try:
            async for attempt in stamina.retry_context(
                on=UnavailableError,
                attempts=settings.webhook_attempts,
                timeout=None,
                wait_initial=settings.webhook_backoff_initial_s,
                wait_max=settings.webhook_backoff_max_s,
                wait_jitter=settings.webhook_backoff_initial_s,
            ):
                with attempt:
                    attempts = attempt.num
                    return Outcome("delivered", attempts, await self._send(url, alert, body))
        except UnavailableError as error:
            return Outcome("failed", attempts, error.message)
        except RefusedError as error:
            return Outcome("refused", attempts, error.message)
        raise AssertionError  # an attempt returns or raises

    async def _send(self, url: str, alert: str, body: bytes) -> str:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "bookmill",
            "X-Bookmill-Alert": alert,
        }
        if self._secret is not None:
            headers["X-Bookmill-Signature"] = sign(self._secret, body, int(self._clock()))
        host = host_of(url)
        try:
            # Of the answer only its status matters: however long it is, it is not read.
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            reason = f"{host} does not answer: {type(error).__name__}"
            if isinstance(error, httpx2.TransportError):
                raise UnavailableError(reason) from None  # its own words may hold the address
            raise RefusedError(reason) from None
        if httpx2.codes.is_success(status):
            return str(status)
        if status in _AGAIN or status >= _SERVER_ERROR:
            raise UnavailableError(f"{host} answers {status}")
        raise RefusedError(f"{host} answers {status}")
