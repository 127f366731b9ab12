"""Bybit's control messages on an open connection: ping, subscribe and unsubscribe, answered and refused in its words.

One answer a request: a list with one bad topic fails as a whole. What its documents leave open (the texts for missing or too
long lists, the code of an idle connection's end) is said here in words of ours.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.bybit_feed import BybitFeed
from simulator.bybit_wire import Market
from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber

__all__ = ["BybitSession"]

_MOST_SPOT_ARGS = 10
_MOST_CHARACTERS = 21_000
_IDLE_S = 600.0


class _RefusedRequestError(Exception):
    """The request is not carried out; the text says why."""


class BybitSession:
    """Subscriptions of one connection. A topic exists when some instrument here plays it; names are case-sensitive."""

    def __init__(
        self, market: Market, subscriber: Subscriber, hub: Hub, feeds: Mapping[str, BybitFeed]
    ) -> None:
        self._market = market
        self._subscriber = subscriber
        self._hub = hub
        self._feeds = feeds
        self._conn_id = str(uuid.uuid4())
        self._topics: dict[str, None] = {}

    def receive(self, message: bytes) -> list[bytes]:
        """The answer, then the first frames of what was subscribed to."""
        text = message.decode("utf-8", "replace")
        try:
            request = json.loads(text)
        except json.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            return [self._answer({}, success=False, text=f"Failed to decode incoming data:{text}")]
        operation = request.get("op")
        try:
            if operation == "ping":
                return [self._answer(request, success=True, text="pong")]
            topics = self._asked(request)
            frames = self._subscribe(topics) if operation == "subscribe" else self._unsubscribe(topics)
        except _RefusedRequestError as refusal:
            return [self._answer(request, success=False, text=str(refusal))]
        said = str(operation) if self._market == "spot" else ""
        return [self._answer(request, success=True, text=said), *frames]

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  there is no other form
        """As it is."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:  # noqa: ARG002  only the client's silence counts
        """A client that says nothing for 10 minutes is cut off."""
        return [Close(1006)] if silent_s >= _IDLE_S else ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:  # noqa: ARG002  there is none
        """It closes without one."""
        return None

    def _asked(self, request: dict[str, Any]) -> list[str]:
        if request.get("op") not in {"subscribe", "unsubscribe"}:
            raise _RefusedRequestError("error:invalid op")
        topics = request.get("args")
        if not isinstance(topics, list) or not topics or not all(isinstance(one, str) for one in topics):
            raise _RefusedRequestError("error:args is not a list of topics")
        if self._market == "spot" and len(topics) > _MOST_SPOT_ARGS:
            raise _RefusedRequestError(f"args size >{_MOST_SPOT_ARGS}")
        return topics

    def _subscribe(self, topics: list[str]) -> list[bytes]:
        for topic in topics:
            if not self._hub.named(topic):
                raise _RefusedRequestError(f"error:handler not found,topic:{topic}")
            if topic in self._topics:
                raise _RefusedRequestError(f"error:already subscribed,topic:{topic}")
        wanted = {**self._topics, **dict.fromkeys(topics)}
        if len(json.dumps(list(wanted), separators=(",", ":"))) > _MOST_CHARACTERS:
            raise _RefusedRequestError(f"error:args length >{_MOST_CHARACTERS}")
        frames = [
            self._feeds[topic.rpartition(".")[2]].first_frame(topic)
            for topic in wanted
            if topic not in self._topics
        ]
        self._topics = wanted
        for topic in topics:
            self._hub.subscribe(self._subscriber, topic)
        return [MarketFrame(frame) for frame in frames if frame is not None]

    def _unsubscribe(self, topics: list[str]) -> list[bytes]:
        for topic in topics:
            self._topics.pop(topic, None)
            self._hub.unsubscribe(self._subscriber, topic)
        return []

    def _answer(self, request: dict[str, Any], *, success: bool, text: str) -> bytes:
        """Contracts always name the request, spot when it has a name."""
        answer: dict[str, Any] = {"success": success, "ret_msg": text, "conn_id": self._conn_id}
        if "req_id" in request or self._market != "spot":
            answer["req_id"] = request.get("req_id", "")
        answer["op"] = request.get("op", "")
        return json.dumps(answer, separators=(",", ":")).encode()
