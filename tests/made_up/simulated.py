"""The simulated Agora, written from the same documents (see ``adapter.py``) and sharing nothing with the adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.dialect import Close
from simulator.feed import Day, Level
from simulator.hub import Hub, Subscriber
from simulator.instruments import Instrument
from simulator.plain import Numerals, Page, PlainDialect, PlainFeed, PlainSession
from simulator.rest import json_bytes

__all__ = ["AgoraDialect", "spot"]

_SILENCE_S = 60.0


class _Feed(PlainFeed):
    """``book``, ``fills`` and ``day`` of one instrument. The book's ids are those of the order flow."""

    def __init__(self, instrument: Instrument, wire: str, hub: Hub) -> None:
        super().__init__(instrument)
        self._book, self._fills, self._day = (hub.channel(f"{it}:{wire}") for it in ("book", "fills", "day"))

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """A frame for each fill."""
        fill = {
            "id": trade_id,
            "price": self.price[price],
            "size": self.quantity[quantity],
            "taker": "sell" if seller_aggressed else "buy",
            "time": self.time_ms,
        }
        self._fills.publish(json_bytes({"stream": self._fills.name, "fills": [fill]}))

    def depth(
        self,
        first_id: int,  # noqa: ARG002  Agora does not tell it
        last_id: int,
        previous_id: int,
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """A change."""
        self._book.publish(self._frame({"prev": previous_id, "seq": last_id}, bids.items(), asks.items()))

    def image(self) -> bytes:
        """All levels."""
        truth = self.truth()
        return self._frame({"image": True, "seq": truth.update_id}, truth.bids, truth.asks)

    def second(self, day: Day) -> None:
        """The last 24 hours."""
        prices = {"last": day.last, "open": day.open, "high": day.high, "low": day.low}
        texts = {name: self.price[ticks] for name, ticks in prices.items()}
        volume = self.quantity[day.volume_lots]
        self._day.publish(
            json_bytes({"stream": self._day.name, "time": self.time_ms, **texts, "volume": volume})
        )

    def _frame(self, more: Mapping[str, Any], bids: Any, asks: Any) -> bytes:
        sides = {"bids": self._levels(bids), "asks": self._levels(asks)}
        return json_bytes({"stream": self._book.name, **more, "time": self.time_ms, **sides})

    def _levels(self, levels: Sequence[Level]) -> list[list[str]]:
        return [[self.price[ticks], self.quantity[lots]] for ticks, lots in levels]


class _Session(PlainSession):
    """Streams that are followed already, or unknown, bring nothing."""

    def __init__(self, subscriber: Subscriber, hub: Hub) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._followed: set[str] = set()

    def receive(self, message: bytes) -> list[bytes]:
        """An answer; behind it the images of books that are followed from now on."""
        try:
            request = json.loads(message)
            what, streams = request["do"], [str(stream) for stream in request.get("streams", [])]
        except (ValueError, TypeError, KeyError, AttributeError):
            return [json_bytes({"did": "nothing", "error": "not understood"})]
        match what:
            case "ping":
                return [json_bytes({"did": "ping"})]
            case "follow":
                return self._follow(streams)
            case "leave":
                for stream in streams:
                    self._followed.discard(stream)
                    self._hub.unsubscribe(self._subscriber, stream)
                return [json_bytes({"did": "leave", "streams": streams})]
        return [json_bytes({"did": "nothing", "error": f"{what} is not known"})]

    def _follow(self, streams: Sequence[str]) -> list[bytes]:
        known = [stream for stream in streams if self._hub.named(stream)]
        unknown = [stream for stream in streams if stream not in known]
        answers = [json_bytes({"did": "follow", "streams": known, "unknown": unknown})]
        for stream in known:
            channel, _, wire = stream.partition(":")
            if channel == "book" and stream not in self._followed:
                answers.append(self._hub.feeds[wire].image())
            self._followed.add(stream)
            self._hub.subscribe(self._subscriber, stream)
        return answers

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:  # noqa: ARG002  only clients have to speak
        """Who says nothing is cut off."""
        return [Close(4000, "silence")] if silent_s >= _SILENCE_S else []


class AgoraDialect(PlainDialect):
    """The spot market."""

    name = "agora.spot"
    path = "/v1"
    calls = 600

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(scale)
        self._listed: dict[str, Instrument] = {}

    def wire(self, symbol: str) -> str:
        """``BTC-USDT`` is ``btc_usdt``."""
        return super().wire(symbol).replace("-", "_").lower()

    def session(self, subscriber: Subscriber, hub: Hub) -> PlainSession:
        """A client is connected."""
        return _Session(subscriber, hub)

    def feed(self, instrument: Instrument, hub: Hub) -> PlainFeed:
        """Frames of a synthetic instrument."""
        wire = self.wire(instrument.symbol)
        self._listed[wire] = instrument
        return _Feed(instrument, wire, hub)

    def pages(self) -> Mapping[str, Page]:
        """REST has the instruments, nothing else."""
        return {"/v1/instruments": lambda _: {"instruments": [*map(_listing, self._listed.items())]}}


def _listing(item: tuple[str, Instrument]) -> dict[str, str]:
    wire, one = item
    steps = {
        "price_step": Numerals(one.price_decimals)[1],
        "size_step": Numerals(one.quantity_decimals)[1],
    }
    return {"name": wire, "base": one.base, "quote": one.quote, **steps, "state": "open"}


def spot(scale: float = 1.0) -> AgoraDialect:
    """``wss://stream.agora.example`` and ``https://api.agora.example``."""
    return AgoraDialect(scale)
