"""The Exchange feed's control messages on an open connection: subscribe and unsubscribe, answered with all that is subscribed.

What the documents leave open is chosen here and said so: the reason of a repeated subscription, and of an unknown channel;
that a refused message subscribes to nothing of it is from reports of clients (coinbase-pro-node#174).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.coinbase_exchange_feed import ExchangeFeed
from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber
from simulator.rest import json_bytes

__all__ = ["ExchangeSession"]

_SUBSCRIBE_WITHIN_S = 5.0
_TICK_S = 0.25
_ECHOED = {"level2_batch": "level2_50", "ticker_batch": "ticker_1000"}
"""Names by which the exchange answers, where they are not those it was asked by."""

_OPEN = (
    "heartbeat",
    "status",
    "ticker",
    "ticker_batch",
    "level2_batch",
    "matches",
    "auctionfeed",
    "rfq_matches",
)
_CLOSED = ("level2", "level3", "full")
_UNAUTHENTICATED = (
    "level2, level3, and full channels now require authentication. "
    "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"
)

Asked = list[tuple[str, str]]
"""Channels with products, in the order of asking."""


class _RefusedError(Exception):
    """Nothing of the client's message is done."""

    def __init__(self, reason: str, message: str = "Failed to subscribe") -> None:
        super().__init__(reason)
        self.message = message


class ExchangeSession:
    """``feeds`` are the products there are. A channel nobody plays (``status``, ``auctionfeed`` …) is acknowledged and silent."""

    def __init__(self, subscriber: Subscriber, hub: Hub, feeds: Mapping[str, ExchangeFeed]) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._feeds = feeds
        self._channels: dict[str, dict[str, None]] = {}  # products by channel, both in the order of asking
        self._subscribed = False
        self._ticks = 0

    def receive(self, message: bytes) -> list[bytes]:
        """All that is subscribed, then what the new channels begin with; or an error, then all that is subscribed."""
        try:
            request = _parse(message)
            asked = self._asked(request)
            if request["type"] == "unsubscribe":
                self._unsubscribe(asked)
                return [self._state()]
            self._check(asked)
        except _RefusedError as refused:
            error = {"type": "error", "message": refused.message, "reason": str(refused)}
            return [json_bytes(error), self._state()]
        self._subscribed = True
        for channel, product in asked:
            self._channels.setdefault(channel, {})[product] = None
            self._hub.subscribe(self._subscriber, f"{channel}:{product}")
        greetings = [
            self._feeds[product].greeting(channel) for channel, product in asked if product in self._feeds
        ]
        return [self._state(), *(MarketFrame(frame) for frames in greetings for frame in frames)]

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  all connections get the same
        """As published."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:  # noqa: ARG002  quiet is allowed here
        """Close who has not subscribed in five seconds; with which code is not documented."""
        self._ticks += 1
        if not self._subscribed and max(silent_s, self._ticks * _TICK_S) >= _SUBSCRIBE_WITHIN_S:
            return [Close(1008, "No subscribe message in 5 seconds")]
        return ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:  # noqa: ARG002  there is none
        """The exchange announces nothing."""
        return None

    def _asked(self, request: dict[str, Any]) -> Asked:
        channels = request.get("channels")
        if not isinstance(channels, list) or not channels:
            raise _RefusedError("No channels provided")
        asked: Asked = []
        for channel in channels:
            name, products = channel, request.get("product_ids", [])
            if isinstance(channel, dict):
                name, products = channel.get("name"), channel.get("product_ids", products)
            if name in _CLOSED:
                raise _RefusedError(_UNAUTHENTICATED)
            if name not in _OPEN:
                raise _RefusedError(f"{name} is not a valid channel")
            if not isinstance(products, list) or (not products and name != "status"):
                raise _RefusedError(" is not a valid product")
            asked += [(name, str(product)) for product in products or ("",)]
        return list(dict.fromkeys(asked))

    def _check(self, asked: Asked) -> None:
        for channel, product in asked:
            if product and product not in self._feeds:
                raise _RefusedError(f"{product} is not a valid product")
            if product in self._channels.get(channel, ()):
                raise _RefusedError(f"Already subscribed to {channel} of {product}")

    def _unsubscribe(self, asked: Asked) -> None:
        for channel, product in asked:
            products = self._channels.get(channel, {})
            products.pop(product, None)
            if not products:
                self._channels.pop(channel, None)
            self._hub.unsubscribe(self._subscriber, f"{channel}:{product}")

    def _state(self) -> bytes:
        listed = [
            {
                "name": _ECHOED.get(name, name),
                "product_ids": list(filter(None, products)),
                "account_ids": None,
            }
            for name, products in self._channels.items()
        ]
        return json_bytes({"type": "subscriptions", "channels": listed})


def _parse(message: bytes) -> dict[str, Any]:
    try:
        request = json.loads(message)
    except ValueError:
        raise _RefusedError("Malformed JSON", "Malformed JSON") from None
    if not isinstance(request, dict) or request.get("type") not in {"subscribe", "unsubscribe"}:
        raise _RefusedError("Type has to be either subscribe or unsubscribe")
    return request
