"""Kraken's spot market as a venue: what to connect to, what to ask, what frames mean (protocol page, section 7).

One connection carries all channels of its instruments. Books come as an image with the subscription, then as changes without a
sequence number: the checksum tells what was lost. ``book.1000`` is the ``book`` channel at that depth: levels that leave the
window are not told, so whoever keeps the book has to know how deep it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE, Adapter, Decoder, chunks
from venues.interface import (
    Backfill,
    Channel,
    ConnectionPlan,
    Continuity,
    Control,
    KeepAlive,
    Limits,
    RestRequest,
    Route,
    StreamOptions,
    TradeSpan,
)
from venues.kraken import history, requests, wire
from venues.kraken.checksum import KrakenContinuity
from venues.kraken.frames import Frames
from venues.messages import Instrument, Trade

__all__ = ["KrakenSpot"]

_PATH = "/v2"
_SYMBOLS_IN_REQUEST = 50
_HEAD = b'{"channel":"'
_SYMBOL = b'"symbol":"'
_TORN_OFF = b'"}]}'
"""What a frame lacks that ends with its first symbol."""
_DATA = frozenset({"book", "ticker", "trade", "ohlc"})
"""Channels whose frames name an instrument; one without entries (no trades yet) names none."""
_NAMES_OF_V1 = {"XBT": "BTC", "XDG": "DOGE"}


class KrakenSpot(Adapter):
    """``limits``: about one REST call a second; streams of a connection and messages a second are not published (too many of
    these are refused, "Exceeded msg rate"), ours are careful. Connections last until somebody ends them.
    """

    exchange = "kraken"
    ccxt_id = "kraken"
    market = "spot"
    websocket_url = "wss://ws.kraken.com"
    rest_url = "https://api.kraken.com"
    limits = Limits(
        weight_per_minute=60,
        streams_per_connection=400,
        requests_per_s=2,
        session_s=math.inf,
    )
    continuity: Continuity = KrakenContinuity()
    trade_sequence = "ids"
    trade_channels = frozenset({"trade"})
    channels: frozenset[Channel] = frozenset({"book", "best", "trades", "ticker", "klines"})
    kline_intervals = requests.INTERVALS
    keep_alive = KeepAlive(30.0, '{"method":"ping"}')
    depths = (1000, 500, 100, 25, 10)
    depth = depths[0]

    def __init__(self) -> None:
        super().__init__()
        self._route_of: dict[bytes, Route] = {}
        self._frames = Frames(self._scaled)

    # What to ask for.

    @property
    def image_channels(self) -> frozenset[str]:  # type: ignore[override]
        """Its books, whose depth the channel names."""
        return frozenset({f"book.{self.depth}"})

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """Whole instruments to a connection, fifty of them in each request for a channel."""
        subscriptions = requests.subscriptions(options, self.depth)
        if not subscriptions:
            return []
        most = max(1, self.limits.streams_per_connection // len(subscriptions))
        return [
            ConnectionPlan(
                path=_PATH,
                requests=tuple(
                    one.request("subscribe", symbols)
                    for symbols in chunks(chunk, _SYMBOLS_IN_REQUEST)
                    for one in subscriptions
                ),
                routes=tuple(Route(one.channel, symbol) for symbol in chunk for one in subscriptions),
            )
            for chunk in chunks(wire_symbols, most)
        ]

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """A second subscription alone would be refused ("Already subscribed") and bring no image."""
        return [
            requests.book(self.depth).request(method, [wire_symbol])
            for method in ("unsubscribe", "subscribe")
        ]

    def backfill(
        self,
        wire_symbol: str,
        span: TradeSpan,
        *,
        aggregated: bool,  # noqa: ARG002  there is one form
        has_key: bool,  # noqa: ARG002  nobody needs one
    ) -> Backfill:
        """See :mod:`venues.kraken.history`."""
        return history.way(wire_symbol, span, self._scaled)

    # What is no market data.

    def control(self, frame: bytes) -> Control:
        """Acknowledgements, refusals, heartbeats, pongs, and the system's status, whose word is kept where it is not online."""
        try:
            if frame.startswith(_HEAD):
                return _notice(wire.read_notice(frame))
            return self._answer(wire.read_answer(frame))
        except UNREADABLE as error:
            return Control("unknown", str(error))

    def _answer(self, answer: wire.Answer) -> Control:
        error = answer.error or answer.Error
        if error is None and answer.success is not False:
            if answer.method == "pong":
                return Control("alive")
            return Control("ack" if answer.success else "unknown")
        flows = answer.method != "subscribe" or not answer.symbol or error == "Already subscribed"
        text = error or "no reason given"
        if answer.symbol and answer.symbol not in text:
            text = f"{text} ({answer.symbol})"
        channels = () if flows else requests.asked(answer.req_id, self.depth)
        return Control("error", text, refused=tuple(Route(channel, answer.symbol) for channel in channels))

    # Instruments.

    def instruments_request(self) -> RestRequest:
        """``AssetPairs`` of all pairs."""
        return RestRequest("/0/public/AssetPairs", {}, 1)

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """Errors come with status 200, named in ``error``. Pairs without a name for websockets have no streams: no instruments."""
        try:
            answer = wire.read_asset_pairs(body)
        except UNREADABLE as error:
            raise FrameError(f"Kraken's AssetPairs cannot be read: {error}.") from error
        if answer.error:
            raise FrameError(f"Kraken answers AssetPairs with {', '.join(answer.error)}.")
        return [self._instrument(pair) for pair in answer.result.values() if "/" in pair.wsname]

    def _instrument(self, pair: wire.Pair) -> Instrument:
        """``wsname`` says XBT and XDG, which version 2 of the websocket refuses: BTC and DOGE there."""
        base, quote = (_NAMES_OF_V1.get(name, name) for name in pair.wsname.split("/", 1))
        return Instrument(
            wire_symbol=f"{base}/{quote}",
            symbol=f"{base}-{quote}",
            base=base,
            quote=quote,
            tick=self._scaled[pair.tick_size or f"1e-{pair.pair_decimals}"],
            lot=self._scaled[f"1e-{pair.lot_decimals}"],
            trading=pair.status == "online",
            status=pair.status,
        )

    # Market data.

    def route(self, frame: bytes) -> Route | None:
        """By the bytes up to the end of the first symbol, which are the same in all frames of a stream but those of ``ohlc``."""
        head = frame[: frame.find(b'"', frame.find(_SYMBOL) + len(_SYMBOL))]
        return self._route_of.get(head) or self._learn_route(frame, head)

    def _learn_route(self, frame: bytes, head: bytes) -> Route | None:
        what = _head(frame)
        if what is None and frame.startswith(b'"', len(head)):  # a torn frame, whose first symbol is whole
            what = _head(head + _TORN_OFF)
        if what is None or not what.data:
            return None
        symbol = what.data[0].symbol
        match what.channel:
            case "book":
                route = Route(requests.book(self.depth).channel, symbol)
            case "ohlc" if what.data[0].interval:  # its time stands before the symbol
                return Route(f"ohlc.{what.data[0].interval}", symbol)
            case "ticker" | "trade":
                route = Route(what.channel, symbol)
            case _:
                return None
        if head.startswith(_HEAD):
            if len(self._route_of) >= 100_000:
                self._route_of.clear()
            self._route_of[head] = route
        return route

    def _past_trades(self, body: bytes) -> Sequence[Trade]:
        return history.past_trades(body, self._scaled)

    def _decoder(self, channel: str) -> Decoder | None:
        decoder = self._frames.decoder(channel)
        if decoder is not None:
            self._exact[channel] = decoder
        return decoder


def _head(frame: bytes) -> wire.Head | None:
    try:
        return wire.read_head(frame)
    except UNREADABLE:
        return None


def _notice(notice: wire.Notice) -> Control:
    if notice.channel == "heartbeat":
        return Control("alive")
    if notice.channel in _DATA and not notice.data:
        return Control("alive")
    if notice.channel != "status" or not notice.data:
        return Control("unknown", f"channel {notice.channel}")
    system = notice.data[0].system
    return Control("alive", None if system == "online" else f"Kraken's system is {system}.")
