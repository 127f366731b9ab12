"""Agora, an exchange that was made up to show how one is added (docs/adding-an-exchange.md). What its documents would say:

``wss://stream.agora.example/v1`` takes ``{"do":"follow","streams":["book:btc_usdt"]}`` (``leave`` ends it) and answers
``{"did":"follow","streams":[…],"unknown":[…]}``. Who has said nothing for 60 s is cut off: ``{"do":"ping"}``, ``{"did":"ping"}``.

- ``book:btc_usdt`` begins with an image (``"image":true``); each change names the ``seq`` it follows on. Size 0 removes.
- ``fills:btc_usdt`` has the trades, ``taker`` is who took.
- ``day:btc_usdt`` has the last 24 hours once a second, ``volume`` in base units.

``https://api.agora.example/v1/instruments`` lists what there is; 600 calls a minute. Prices and sizes are decimal texts, times ms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from bookmill.errors import FrameError
from venues.adapter import Adapter, Following, Routes, chunks
from venues.integers import Id, Millis
from venues.interface import (
    Channel,
    ConnectionPlan,
    Continuity,
    Control,
    KeepAlive,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
)
from venues.messages import BookDiff, BookImage, Instrument, Level, Message, Ticker, Trade

__all__ = ["AgoraSpot"]


class _Book(msgspec.Struct):
    seq: Id
    time: Millis
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    image: bool = False
    prev: Id | None = None


class _Fill(msgspec.Struct):
    id: Id
    price: str
    size: str
    taker: Literal["buy", "sell"]
    time: Millis


class _Fills(msgspec.Struct):
    fills: list[_Fill]


class _Day(msgspec.Struct):
    time: Millis
    last: str
    open: str
    high: str
    low: str
    volume: str


class _Answer(msgspec.Struct):
    did: str
    unknown: list[str] = []
    error: str = ""


class _Listed(msgspec.Struct):
    name: str
    base: str
    quote: str
    price_step: str
    size_step: str
    state: str


class _Instruments(msgspec.Struct):
    instruments: list[_Listed]


_read_book = msgspec.json.Decoder(_Book).decode
_read_fills = msgspec.json.Decoder(_Fills).decode
_read_day = msgspec.json.Decoder(_Day).decode
_read_answer = msgspec.json.Decoder(_Answer).decode
_read_instruments = msgspec.json.Decoder(_Instruments).decode

_HEAD = b'{"stream":"'
_STREAMS: Mapping[Channel, str] = {"book": "book", "trades": "fills", "ticker": "day"}
"""The exchange's word by ours."""


class AgoraSpot(Adapter):
    """The spot market."""

    exchange = "agora"
    market = "spot"
    websocket_url = "wss://stream.agora.example"
    rest_url = "https://api.agora.example"
    limits = Limits(weight_per_minute=600, streams_per_connection=200, requests_per_s=5, session_s=math.inf)
    continuity: Continuity = Following()
    channels = frozenset(_STREAMS)
    keep_alive = KeepAlive(20.0, '{"do":"ping"}')
    image_channels = frozenset({"book"})
    _decoders: ClassVar[Mapping[str, str]] = {"book": "_book", "fills": "_fills", "day": "_day"}

    def __init__(self) -> None:
        super().__init__()
        self._routes = Routes(_route)

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """Whole instruments to a connection, one request for each."""
        streams = [_STREAMS[channel] for channel in options.channels if channel in _STREAMS]
        if not streams:
            return []
        return [
            ConnectionPlan(
                path="/v1",
                requests=tuple(_request("follow", streams, symbol) for symbol in symbols),
                routes=tuple(Route(stream, symbol) for symbol in symbols for stream in streams),
            )
            for symbols in chunks(wire_symbols, self.limits.streams_per_connection // len(streams))
        ]

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """A stream that is followed already brings no image again."""
        return [_request(what, ["book"], wire_symbol) for what in ("leave", "follow")]

    def route(self, frame: bytes) -> Route | None:
        """The stream's name stands at the head of each frame."""
        if not frame.startswith(_HEAD):
            return None
        return self._routes[frame[len(_HEAD) : frame.find(b'"', len(_HEAD))]]

    def control(self, frame: bytes) -> Control:
        """Answers. Streams that are unknown are refused, their neighbours flow."""
        try:
            answer = _read_answer(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Control("unknown", str(error))
        if answer.error or answer.unknown:
            refused = tuple(route for name in answer.unknown if (route := _route(name)))
            return Control("error", answer.error or f"unknown: {', '.join(answer.unknown)}", refused=refused)
        return Control("alive" if answer.did == "ping" else "ack")

    def instruments_request(self) -> RestRequest:
        """All of them."""
        return RestRequest("/v1/instruments", {}, 1)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """``open`` is the only state in which an instrument trades."""
        try:
            listed = _read_instruments(body).instruments
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FrameError(f"Agora's instruments cannot be read: {error}.") from error
        return [
            Instrument(
                wire_symbol=one.name,
                symbol=f"{one.base}-{one.quote}",
                base=one.base,
                quote=one.quote,
                tick=self._scaled[one.price_step],
                lot=self._scaled[one.size_step],
                trading=one.state == "open",
                status=one.state,
            )
            for one in listed
        ]

    def _book(self, frame: bytes) -> Sequence[Message]:
        book = _read_book(frame)
        bids, asks, micros = self._levels(book.bids), self._levels(book.asks), book.time * 1000
        if book.image:
            return (BookImage(book.seq, bids, asks, micros, in_band=True),)
        return (BookDiff(book.seq, book.seq, book.prev, bids, asks, micros),)

    def _levels(self, levels: Sequence[tuple[str, str]]) -> list[Level]:
        scaled = self._scaled
        return [(scaled[price], scaled[size]) for price, size in levels]

    def _fills(self, frame: bytes) -> Sequence[Message]:
        scaled = self._scaled
        return [
            Trade(
                str(fill.id),
                scaled[fill.price],
                scaled[fill.size],
                "BUY" if fill.taker == "buy" else "SELL",
                fill.time * 1000,
            )
            for fill in _read_fills(frame).fills
        ]

    def _day(self, frame: bytes) -> Sequence[Message]:
        day, scaled = _read_day(frame), self._scaled
        return (
            Ticker(
                scaled[day.last],
                day.time * 1000,
                scaled[day.open],
                scaled[day.high],
                scaled[day.low],
                scaled[day.volume],
            ),
        )


def _route(stream: str) -> Route | None:
    channel, colon, wire_symbol = stream.partition(":")
    return Route(channel, wire_symbol) if colon and wire_symbol else None


def _request(what: str, streams: Sequence[str], wire_symbol: str) -> str:
    request: dict[str, Any] = {"do": what, "streams": [f"{stream}:{wire_symbol}" for stream in streams]}
    return json.dumps(request, separators=(",", ":"))
