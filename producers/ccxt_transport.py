"""ccxt's calls over our own way to the exchange, answers read without floats.

ccxt composes a call's address and reads its answer; between the two stands :meth:`Transport.fetch`, which it lets a subclass
replace. So another address (a test's, a mirror's) holds for every call, whichever of an exchange's hosts it names, and a
configured proxy is gone through by the same client as all our REST calls: there is no second way out.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx2

from producers.ccxt_spending import Spending

__all__ = ["Transport"]


class Transport:
    """Stands before a class of ccxt's among the bases of one. ``http``, ``spending`` and ``address`` are set before the first call.

    ``address`` replaces scheme and host of each call; None leaves them. ``retry_after_s``: what the last refusal for too many
    calls asked for, 0.0 where it named nothing.
    """

    http: httpx2.AsyncClient
    spending: Spending
    address: str | None = None
    retry_after_s = 0.0
    id: str

    async def throttle(self, cost: Any = None) -> None:
        """ccxt's own pace, then the exchange's weight: every call comes by here first."""
        ccxt: Any = super()  # the other half of the object
        await ccxt.throttle(cost)
        await self.spending.spend(1.0 if cost is None else float(cost))

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """One call, as ccxt's own ``fetch``: decoded JSON, or text; what goes wrong is one of ccxt's errors."""
        from ccxt.base.errors import ExchangeNotAvailable, RequestTimeout

        ccxt: Any = self  # the other half of the object
        called = f"{self.id} {method} {url.partition('?')[0]}"
        try:
            answer = await self.http.request(
                method, self.where(url), headers=ccxt.prepare_request_headers(headers), content=body
            )
        except httpx2.TimeoutException as error:
            raise RequestTimeout(f"{called}: no answer in time") from error
        except httpx2.HTTPError as error:
            raise ExchangeNotAvailable(f"{called}: {str(error) or type(error).__name__}") from error
        status, reason = answer.status_code, answer.reason_phrase
        self.retry_after_s = _seconds(answer.headers.get("retry-after", ""))
        if status in self.spending.ban_statuses:
            await self.spending.block(self.retry_after_s)
        text = answer.text.strip()
        told = {name.title(): value for name, value in answer.headers.items()}
        decoded = self.parse_json(text)
        ccxt.handle_errors(status, reason, url, method, told, text, decoded, headers, body)
        ccxt.handle_http_status_code(status, reason, url, method, text)
        return text if decoded is None else decoded

    def where(self, url: str) -> str:
        """The address that is asked instead of ``url``."""
        if self.address is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.address.rstrip('/')}{parts.path}{query}"

    @staticmethod
    def parse_json(text: str) -> Any:
        """JSON with each number as its text; None for what is no JSON. ccxt's own makes floats where a faster library is installed."""
        try:
            return json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            return None

    @staticmethod
    def safe_float(values: Any, key: Any, default: Any = None) -> Any:
        """The text: ccxt reads the levels of most books by this name, and would make floats of them."""
        try:
            value = values[key]
        except (KeyError, IndexError, TypeError):
            return default
        return default if value in {None, ""} else str(value)


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
