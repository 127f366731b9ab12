"""Advanced Trade's control messages on an open connection, and the number that each frame of it carries.

What the documents leave open is chosen here: the code of a close, the texts of errors other than that of authentication,
and that only the unknown products of a list stay out (an acknowledgement without them was seen: ccxt#22157).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.coinbase_advanced_feed import AdvancedFeed
from simulator.coinbase_ledger import trimmed_time
from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber
from simulator.rest import json_bytes, now_ms

__all__ = ["AdvancedSession"]

_SUBSCRIBE_WITHIN_S = 5.0
_QUIET_S = 75.0  # documented: 60 to 90
_TICK_S = 0.25
_TICKS_A_HEARTBEAT = 4
_MARKET = ("level2", "market_trades", "ticker", "candles")
_SILENT = ("ticker_batch", "status")
_PRIVATE = ("user", "futures_balance_summary")
_NUMBER = b'"sequence_num":'
_FIRST_HEARTBEAT = 300_000


class AdvancedSession:
    """``feeds`` are the products there are. A ``-USDC`` name is answered with the data of the ``-USD`` product.

    ``sequence_num`` counts all that is sent on the connection from 0 on; what was lost on the way is counted too.
    """

    def __init__(self, subscriber: Subscriber, hub: Hub, feeds: Mapping[str, AdvancedFeed]) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._feeds = feeds
        self._channels: dict[str, dict[str, None]] = {}  # products by channel, both in the order of asking
        self._seen: dict[bytes, int] = {}
        self._number = 0
        self._ticks = 0
        self._heartbeats = 0
        self._subscribed = False

    def receive(self, message: bytes) -> list[bytes]:
        """All that is subscribed, then what the new channel begins with; or an error."""
        try:
            request = json.loads(message)
            kind, channel = request["type"], request["channel"]
            products = [str(product) for product in request.get("product_ids", ())]
        except (ValueError, KeyError, TypeError):
            return [_error("invalid message")]
        problem = _problem(kind, channel, products)
        if problem:
            return [_error(problem)]
        if kind == "unsubscribe":
            self._unsubscribe(channel, products)
            return [self._state()]
        return self._subscribe(channel, products)

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  the number is found by its name
        """The frame with the connection's own number, in the place of what its channel counted."""
        at = envelope.find(_NUMBER) + len(_NUMBER)
        end = envelope.find(b",", at)
        channel, _, text = envelope[at:end].rpartition(b":")
        count = int(text)
        last = self._seen.get(channel, count - 1)
        self._number += max(0, count - last - 1)
        self._seen[channel] = max(count, last)
        return b"%b%d%b" % (envelope[:at], self._take_number(), envelope[end:])

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:
        """A heartbeat each second; close who does not subscribe in 5 s, and who has asked for what stays silent."""
        self._ticks += 1
        if not self._subscribed and max(silent_s, self._ticks * _TICK_S) >= _SUBSCRIBE_WITHIN_S:
            return [Close(1008, "No subscribe message in 5 seconds")]
        if quiet_s >= _QUIET_S:
            return [Close(1001, "No updates")]
        if "heartbeats" in self._channels and self._ticks % _TICKS_A_HEARTBEAT == 0:
            return [self._heartbeat()]
        return ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:  # noqa: ARG002  there is none
        """The exchange announces nothing."""
        return None

    def _subscribe(self, channel: str, products: Sequence[str]) -> list[bytes]:
        self._subscribed = True
        if channel not in _MARKET:
            self._channels.setdefault(channel, {}).update(dict.fromkeys(products or [channel]))
            return [self._state()]
        listed = self._channels.setdefault(channel, {})
        known = [one for one in products if self._canonical(one) in self._feeds and one not in listed]
        listed.update(dict.fromkeys(known))
        if not listed:
            del self._channels[channel]
        answers = [self._state()]
        for product in dict.fromkeys(map(self._canonical, known)):
            feed, name = self._feeds[product], f"{channel}:{product}"
            answers += [
                MarketFrame(feed.envelope(arrives_as, events, str(self._take_number())))
                for arrives_as, events in feed.greeting(channel)
            ]
            self._seen[f"@{name}".encode()] = feed.frames(channel)
            self._hub.subscribe(self._subscriber, name)
        return answers

    def _unsubscribe(self, channel: str, products: Sequence[str]) -> None:
        listed = self._channels.get(channel, {})
        for product in products or list(listed):
            listed.pop(product, None)
            canonical = self._canonical(product)
            if canonical not in map(self._canonical, listed):
                self._hub.unsubscribe(self._subscriber, f"{channel}:{canonical}")
        if not listed:
            self._channels.pop(channel, None)

    def _canonical(self, product: str) -> str:
        usd = product.removesuffix("-USDC") + "-USD"
        return usd if product.endswith("-USDC") and usd in self._feeds else product

    def _state(self) -> bytes:
        subscriptions = {channel: list(products) for channel, products in self._channels.items()}
        return self._message("subscriptions", {"subscriptions": subscriptions})

    def _heartbeat(self) -> bytes:
        self._heartbeats += 1
        now = trimmed_time(now_ms()).replace("T", " ").replace("Z", " +0000 UTC")
        return self._message(
            "heartbeats", {"current_time": now, "heartbeat_counter": _FIRST_HEARTBEAT + self._heartbeats}
        )

    def _message(self, channel: str, event: dict[str, Any]) -> bytes:
        head = {"channel": channel, "client_id": "", "timestamp": trimmed_time(now_ms())}
        return json_bytes({**head, "sequence_num": self._take_number(), "events": [event]})

    def _take_number(self) -> int:
        number = self._number
        self._number += 1
        return number


def _problem(kind: Any, channel: Any, products: Sequence[str]) -> str:
    """What is wrong with a request, in the exchange's words where they are known."""
    if kind not in {"subscribe", "unsubscribe"}:
        return "type must be subscribe or unsubscribe"
    if channel in _PRIVATE:
        return "authentication failure"
    if channel not in {*_MARKET, *_SILENT, "heartbeats"}:
        return "channel is not supported"
    return "product_ids are missing" if channel in _MARKET and not products else ""


def _error(text: str) -> bytes:
    return json_bytes({"type": "error", "message": text})
